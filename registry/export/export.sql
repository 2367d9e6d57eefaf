-- name: last_position
-- The newest position in history that anybody has drawn.
SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM identifier_history_history_id_seq

-- name: writing_transactions
-- The transactions that write history just now, whatever their prefix.
SELECT DISTINCT l.virtualtransaction
FROM pg_locks l JOIN pg_database d ON d.oid = l.database
WHERE d.datname = current_database() AND l.locktype = 'relation' AND l.relation = 'identifier_history'::regclass
      AND l.mode = 'RowExclusiveLock' AND l.granted

-- name: node_facts
-- Which node this is.
SELECT node_id, laboratory FROM node_state

-- name: count_by_template
-- What stands below a prefix, by template; deleted identifiers are no part of a full export.
SELECT template_id, count(*) AS identifiers FROM identifier
WHERE prefix_id = $1 AND state <> 2 AND ($2::int IS NULL OR template_id = $2)
GROUP BY template_id

-- name: count_changed_by_template
-- The identifiers whose history has entries in a range of positions, by the template they have now.
SELECT i.template_id, count(*) AS identifiers
FROM (SELECT DISTINCT h.suffix_key FROM identifier_history h
      WHERE h.prefix_id = $1 AND h.history_id > $3 AND h.history_id <= $4) AS changed
JOIN identifier i ON i.prefix_id = $1 AND i.suffix_key = changed.suffix_key
WHERE $2::int IS NULL OR i.template_id = $2
GROUP BY i.template_id

-- name: templates_with_forerunners
-- Some templates, and the earlier editions that a node must have before it can have these.
SELECT t.template_id, t.enterprise_id, t.name, t.template_version, t.state, t.definition, t.version, t.created_at,
       t.updated_at, t.based_on, t.fixed
FROM template t
WHERE t.state <> 'draft' AND EXISTS (
    SELECT FROM template used
    WHERE used.template_id = ANY ($1::int[]) AND used.name = t.name
          AND used.enterprise_id IS NOT DISTINCT FROM t.enterprise_id AND used.template_version >= t.template_version)
ORDER BY t.enterprise_id NULLS FIRST, t.name, t.template_version

-- name: templates_under_prefix
-- Every template that identifiers below a prefix may have: its enterprise's own, the node's, those of others that it is
-- granted or has used; no drafts.
WITH RECURSIVE used (template_id) AS (
    (SELECT i.template_id FROM identifier i WHERE i.prefix_id = $2 ORDER BY i.template_id DESC LIMIT 1)
    UNION ALL
    SELECT (SELECT i.template_id FROM identifier i
            WHERE i.prefix_id = $2 AND i.template_id < used.template_id ORDER BY i.template_id DESC LIMIT 1)
    FROM used WHERE used.template_id IS NOT NULL
)
SELECT t.template_id, t.enterprise_id, t.name, t.template_version, t.state, t.definition, t.version, t.created_at,
       t.updated_at, t.based_on, t.fixed
FROM template t
WHERE (t.enterprise_id = $1 OR t.enterprise_id IS NULL
       OR EXISTS (SELECT FROM template_grant g WHERE g.enterprise_id = t.enterprise_id AND g.name = t.name
                  AND g.grantee IN ('*', $1::uuid::text))
       OR t.template_id IN (SELECT template_id FROM used)) AND t.state <> 'draft'

-- name: standing_after
-- What stands below a prefix, live or suspended, in key order, by keyset.
SELECT i.template_id, i.version, i.state, i.registered_at, i.updated_at, i.suffix_key,
       coalesce(i.suffix, i.suffix_key) AS suffix, i.record
FROM identifier i
WHERE i.prefix_id = $1 AND i.suffix_key > $2 AND i.state <> 2 AND ($4::int IS NULL OR i.template_id = $4)
ORDER BY i.suffix_key LIMIT $3

-- name: standing_of_keys
-- Of these identifiers those that stand (deleted ones only if asked for), in the order of the keys.
SELECT i.template_id, i.version, i.state, i.registered_at, i.updated_at, i.suffix_key,
       coalesce(i.suffix, i.suffix_key) AS suffix, i.record
FROM unnest($2::text[]) WITH ORDINALITY AS wanted (suffix_key, place)
JOIN identifier i ON i.prefix_id = $1 AND i.suffix_key = wanted.suffix_key
WHERE (i.state <> 2 OR $3) AND ($4::int IS NULL OR i.template_id = $4)
ORDER BY wanted.place

-- name: changed_keys
-- The identifiers whose last change up to a position ($4) lies within a stretch of history, in the order of change.
SELECT h.suffix_key FROM identifier_history h
WHERE h.prefix_id = $1 AND h.history_id > $2 AND h.history_id <= $3 AND NOT EXISTS (
    SELECT FROM identifier_history later
    WHERE later.prefix_id = h.prefix_id AND later.suffix_key = h.suffix_key AND later.version > h.version
          AND later.history_id <= $4)
ORDER BY h.history_id

-- name: described_files
-- What is kept under these digests.
SELECT sha256, name, media_type, bytes, private FROM file
WHERE enterprise_id = $1 AND sha256 = ANY ($2::bytea[])
ORDER BY sha256
