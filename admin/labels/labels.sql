-- name: identifiers_to_label
-- What stands of these identifiers of a prefix: live or suspended.
SELECT i.prefix_id, i.template_id, i.version, i.state, i.registered_at, i.updated_at,
       i.suffix_key, coalesce(i.suffix, i.suffix_key) AS suffix, i.record
FROM identifier i WHERE i.prefix_id = $1 AND i.suffix_key = ANY ($2::text[]) AND i.state <> 2

-- name: prefix_of_batch
-- Under which prefix a batch worked: it has one.
SELECT p.prefix FROM prefix p WHERE p.prefix_id = $1

-- name: keys_of_batch
-- What a batch registered or changed and what stands still, in the order of the suffixes after one of them. The window
-- of positions is the batch's own.
SELECT h.suffix_key FROM identifier_history h
JOIN identifier i ON i.prefix_id = h.prefix_id AND i.suffix_key = h.suffix_key AND i.state <> 2
WHERE h.history_id > $3 AND h.history_id <= $4 AND h.batch_id = $2 AND h.prefix_id = $1 AND h.suffix_key > $5
GROUP BY h.suffix_key ORDER BY h.suffix_key LIMIT $6
