-- Batches of every operation: their rows, their progress, their rejections.

-- name: open_batch
-- A batch gets its row at its first byte; the same key of the same account finds the same batch.
INSERT INTO batch (batch_id, account_id, prefix_id, template_id, idempotency_key, request, operation, state, selected,
                   undoes, history_from, created_at, updated_at)
SELECT $1, $2, $3, $4, $5, $6::jsonb, $7, 'running', $8, $9, CASE WHEN drawn.is_called THEN drawn.last_value ELSE 0 END,
       $10, $10
FROM identifier_history_history_id_seq drawn
ON CONFLICT (account_id, idempotency_key) DO NOTHING

-- name: batch_by_key
-- The batch of an idempotency key.
SELECT b.batch_id, b.account_id, b.prefix_id, b.template_id, b.operation, b.request, b.state, b.header, b.read_offset,
       b.read_line, b.read_sheet, b.read_key, b.body_bytes, b.body_digest, b.body_expected, b.selected, b.registered,
       b.changed, b.unchanged, b.rejected, b.failure, b.history_from, b.history_to, b.undoes, b.undone_by, b.created_at,
       b.updated_at, p.enterprise_id
FROM batch b JOIN prefix p ON p.prefix_id = b.prefix_id WHERE b.account_id = $1 AND b.idempotency_key = $2

-- name: batch_by_id
-- One batch with the owner of its prefix.
SELECT b.batch_id, b.account_id, b.prefix_id, b.template_id, b.operation, b.request, b.state, b.header, b.read_offset,
       b.read_line, b.read_sheet, b.read_key, b.body_bytes, b.body_digest, b.body_expected, b.selected, b.registered,
       b.changed, b.unchanged, b.rejected, b.failure, b.history_from, b.history_to, b.undoes, b.undone_by, b.created_at,
       b.updated_at, p.enterprise_id
FROM batch b JOIN prefix p ON p.prefix_id = b.prefix_id WHERE b.batch_id = $1

-- name: list_batches
-- Batches of an enterprise (of all when null), newest first, by keyset: batch ids grow with time.
SELECT b.batch_id, b.account_id, b.prefix_id, b.template_id, b.operation, b.request, b.state, b.header, b.read_offset,
       b.read_line, b.read_sheet, b.read_key, b.body_bytes, b.body_digest, b.body_expected, b.selected, b.registered,
       b.changed, b.unchanged, b.rejected, b.failure, b.history_from, b.history_to, b.undoes, b.undone_by, b.created_at,
       b.updated_at, p.enterprise_id
FROM batch b JOIN prefix p ON p.prefix_id = b.prefix_id
WHERE b.batch_id < $1 AND ($2::uuid IS NULL OR p.enterprise_id = $2)
ORDER BY b.batch_id DESC LIMIT $3

-- name: hold_batch
-- One process at a time works on a batch; the lock goes with its connection.
SELECT pg_try_advisory_lock(('x' || left(replace($1::uuid::text, '-', ''), 16))::bit(64)::bigint)

-- name: release_batch
-- The end of hold_batch on a connection that goes on living.
SELECT pg_advisory_unlock(('x' || left(replace($1::uuid::text, '-', ''), 16))::bit(64)::bigint)

-- name: expect_body
-- How much the sender announced, for whoever watches.
UPDATE batch SET body_expected = $2 WHERE batch_id = $1 AND state = 'running'

-- name: advance_batch
-- Progress, in the transaction of the chunk it describes. No row: the batch runs no longer, and the chunk is undone.
UPDATE batch SET header = coalesce($2::jsonb, header), read_offset = $3, read_line = $4, read_sheet = $5, read_key = $6,
       body_bytes = $7, body_digest = $8, registered = registered + $9, changed = changed + $10,
       unchanged = unchanged + $11, rejected = rejected + $12, updated_at = $13,
       history_to = (SELECT last_value FROM identifier_history_history_id_seq)
WHERE batch_id = $1 AND state = 'running'
RETURNING batch_id

-- name: end_batch
-- Finished, or failed as a whole with its reason.
UPDATE batch SET state = $2, failure = $3::jsonb, body_bytes = $4, body_digest = $5, updated_at = $6
WHERE batch_id = $1 AND state = 'running'

-- name: move_batch
-- Paused, resumed or cancelled by somebody who may: the next chunk border heeds it.
UPDATE batch SET state = $2, updated_at = $4 WHERE batch_id = $1 AND state = ANY ($3::text[])
RETURNING batch_id

-- name: claim_undo
-- A batch is undone by one other batch only, unless that one was given up.
UPDATE batch SET undone_by = $2
WHERE batch_id = $1 AND (undone_by IS NULL OR undone_by = $2
      OR (SELECT u.state FROM batch u WHERE u.batch_id = batch.undone_by) IN ('cancelled', 'failed'))
RETURNING batch_id

-- name: changed_by_batch
-- Which of these identifiers have their present version from this very batch: a row for them stood earlier in it.
SELECT i.suffix_key
FROM identifier i
JOIN identifier_history h ON (h.prefix_id, h.suffix_key, h.version) = (i.prefix_id, i.suffix_key, i.version)
WHERE i.prefix_id = $1 AND i.suffix_key = ANY ($2::text[]) AND h.batch_id = $3

-- name: rejections_after
-- Faults of rejected rows in the order of the input, by keyset (sheet, line, fault).
SELECT sheet, line, fault, field, code, message, input_row FROM rejection
WHERE batch_id = $1 AND (sheet, line, fault) > ($2::smallint, $3::bigint, $4::smallint)
ORDER BY sheet, line, fault LIMIT $5
