-- Log files on their way upward (as biaoshi_writer).

-- name: log_under_way
-- The file of a kind that the node above does not have yet; there is one at most.
SELECT file_id, number, source, rows, sha256, content_sha256, previous_sha256, first_at, last_at, made_at
FROM log_file WHERE kind = $1 AND delivered_at IS NULL
ORDER BY number LIMIT 1

-- name: last_log
-- What the next file of a kind follows.
SELECT number, source, sha256, made_at FROM log_file WHERE kind = $1 ORDER BY number DESC LIMIT 1

-- name: register_log
-- Once: of two stewards who believe to lead, the second finds the file of the first.
INSERT INTO log_file (file_id, kind, number, source, rows, bytes, sha256, content_sha256, previous_sha256, first_at,
                      last_at, made_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT DO NOTHING
RETURNING number

-- name: replace_log
-- A file that was lost before it was delivered, made again: maybe packed otherwise, maybe of another source.
UPDATE log_file SET source = $2, rows = $3, bytes = $4, sha256 = $5, content_sha256 = $6, first_at = $7, last_at = $8
WHERE file_id = $1 AND delivered_at IS NULL
RETURNING file_id, number, source, rows, sha256, content_sha256, previous_sha256, first_at, last_at, made_at

-- name: renumber_log
-- The first of a new chain, behind everything that the node above may have.
UPDATE log_file SET number = $2, previous_sha256 = NULL WHERE file_id = $1 AND delivered_at IS NULL

-- name: mark_log_delivered
-- The node above has it.
UPDATE log_file SET delivered_at = $2 WHERE file_id = $1 AND delivered_at IS NULL

-- name: newest_position
-- Whether anything may have come since the last file: costs nothing, and settles nothing.
SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM identifier_history_history_id_seq

-- name: go_by_position
-- Before a stretch of history is read: its range index is brought up to date, and used even where the planner has no
-- statistics yet; for this transaction only. Amid a bulk registration what nobody has summed up is looked through as a
-- whole for every page: 330,000 entries to find 5,000, 37 µs of PostgreSQL for each registration, and growing.
SELECT summarize_history(), set_config('enable_seqscan', 'off', true)

-- name: first_position_within
-- The first entry of a stretch of history, by its range index.
SELECT min(history_id) FROM identifier_history WHERE history_id > $1 AND history_id <= $2

-- name: entries_within
-- Every entry of a stretch of history: only what stays as it is, so that the same stretch always says the same.
-- Those that differ in position and suffix only are one row: of a chunk of a batch all are.
SELECT p.prefix, h.*
FROM (
    SELECT prefix_id, at, action, version, interface, account_id, batch_id, registered_at,
           array_agg(history_id) AS positions, array_agg(suffix_key) AS suffix_keys
    FROM identifier_history WHERE history_id > $1 AND history_id <= $2
    GROUP BY prefix_id, at, action, version, interface, account_id, batch_id, registered_at
) h JOIN prefix p ON p.prefix_id = h.prefix_id
