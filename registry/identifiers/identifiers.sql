-- name: find_identifier
-- One identifier as it stands, deleted ones included.
SELECT i.prefix_id, i.template_id, i.version, i.state, i.registered_at, i.updated_at,
       i.suffix_key, coalesce(i.suffix, i.suffix_key) AS suffix, i.record
FROM identifier i WHERE i.prefix_id = $1 AND i.suffix_key = $2

-- name: history_of_identifier
-- All versions of one identifier, newest first, by keyset.
SELECT h.version, h.action, h.interface, h.at, h.account_id, h.batch_id, h.before, h.before_state, h.before_template_id
FROM identifier_history h
WHERE h.prefix_id = $1 AND h.suffix_key = $2 AND h.version < $3
ORDER BY h.version DESC LIMIT $4
