-- What the lists of IDHub show; pages are counted there, so they are read by their number.

-- name: first_prefix
-- The oldest enabled prefix that an enterprise applied for: handles made for it lie there.
SELECT prefix FROM prefix WHERE enterprise_id = $1 AND state = 'enabled' AND prefix NOT LIKE '%.%.%.%'
ORDER BY prefix_id LIMIT 1

-- name: names_of_accounts
-- What accounts are called: by their handle if they are application identities, else by their name.
SELECT a.account_id, coalesce(i.handle, a.name) AS name
FROM account a LEFT JOIN application_identity i ON i.account_id = a.account_id
WHERE a.account_id = ANY ($1::uuid[])

-- name: hands_on_identifier
-- Who registered an identifier, the last time if it was deleted in between, and who wrote it last.
SELECT (SELECT h.account_id FROM identifier_history h
        WHERE h.prefix_id = $1 AND h.suffix_key = $2 AND h.action = 1 ORDER BY h.version DESC LIMIT 1) AS creator,
       (SELECT h.account_id FROM identifier_history h
        WHERE h.prefix_id = $1 AND h.suffix_key = $2 ORDER BY h.version DESC LIMIT 1) AS updater

-- name: page_of_metadata
-- The metadata of an enterprise in one category, the newest first.
SELECT a.said, a.created_at, newest.definition ->> 'title_zh' AS title, newest.template_id, newest.fixed,
       EXISTS (SELECT FROM template t WHERE t.enterprise_id = a.enterprise_id AND t.name = a.name
               AND t.state = 'published') AS published,
       count(*) OVER () AS total
FROM template_alias a
CROSS JOIN LATERAL (
    SELECT t.template_id, t.definition, t.fixed FROM template t
    WHERE t.enterprise_id = a.enterprise_id AND t.name = a.name ORDER BY t.template_version DESC LIMIT 1) newest
WHERE a.scheme = 2 AND a.enterprise_id = $1 AND a.said ->> 'classifyCode' = $2
      AND ($3 = '' OR strpos(a.prefix || '/' || a.alias, $3) > 0)
      AND a.created_at BETWEEN $4 AND $5
      AND ($6::boolean IS NULL OR $6 = EXISTS (
          SELECT FROM template t WHERE t.enterprise_id = a.enterprise_id AND t.name = a.name AND t.state = 'published'))
ORDER BY a.created_at DESC, a.prefix, a.alias OFFSET $7 LIMIT $8

-- name: count_metadata
-- How many there are; for a page beyond the last one.
SELECT count(*) FROM template_alias a
WHERE a.scheme = 2 AND a.enterprise_id = $1 AND a.said ->> 'classifyCode' = $2
      AND ($3 = '' OR strpos(a.prefix || '/' || a.alias, $3) > 0)
      AND a.created_at BETWEEN $4 AND $5
      AND ($6::boolean IS NULL OR $6 = EXISTS (
          SELECT FROM template t WHERE t.enterprise_id = a.enterprise_id AND t.name = a.name AND t.state = 'published'))

-- name: page_of_instances
-- The identifiers of an enterprise ($1) by any edition of a template ($2, $3), in the order of their names.
SELECT p.prefix, coalesce(i.suffix, i.suffix_key) AS suffix, i.registered_at, i.updated_at,
       coalesce(identity.handle, maker.name, '') AS made_by
FROM (
    SELECT i.prefix_id, i.suffix_key, i.suffix, i.registered_at, i.updated_at
    FROM identifier i
    WHERE i.prefix_id = ANY (ARRAY(SELECT prefix_id FROM prefix WHERE enterprise_id = $1))
          AND i.template_id = ANY (ARRAY(SELECT template_id FROM template WHERE enterprise_id = $2 AND name = $3))
          AND i.state <> 2 AND ($4 = '' OR strpos(i.suffix_key, $4) > 0) AND i.registered_at BETWEEN $5 AND $6
    ORDER BY i.prefix_id, i.suffix_key OFFSET $7 LIMIT $8) i
JOIN prefix p ON p.prefix_id = i.prefix_id
LEFT JOIN LATERAL (
    SELECT h.account_id FROM identifier_history h
    WHERE h.prefix_id = i.prefix_id AND h.suffix_key = i.suffix_key AND h.action = 1
    ORDER BY h.version DESC LIMIT 1) made ON true
LEFT JOIN account maker ON maker.account_id = made.account_id
LEFT JOIN application_identity identity ON identity.account_id = made.account_id
ORDER BY i.prefix_id, i.suffix_key

-- name: count_instances
-- How many there are.
SELECT count(*) FROM identifier i
WHERE i.prefix_id = ANY (ARRAY(SELECT prefix_id FROM prefix WHERE enterprise_id = $1))
      AND i.template_id = ANY (ARRAY(SELECT template_id FROM template WHERE enterprise_id = $2 AND name = $3))
      AND i.state <> 2 AND ($4 = '' OR strpos(i.suffix_key, $4) > 0) AND i.registered_at BETWEEN $5 AND $6

-- name: names_of_files
-- What the files of an enterprise are called.
SELECT sha256, name FROM file WHERE enterprise_id = $1 AND sha256 = ANY ($2::bytea[])

-- name: imports_group
-- Whether an enterprise may grant to another's group; held, so that a grant does not outlive the import.
SELECT identity_group_id FROM identity_group_import WHERE enterprise_id = $1 AND identity_group_id = $2 FOR SHARE

-- name: enterprise_called
-- The name of an enterprise, for notices.
SELECT name FROM enterprise WHERE enterprise_id = $1
