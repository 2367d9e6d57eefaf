-- name: find_identifier
-- One identifier as it stands, deleted ones included.
SELECT i.prefix_id, i.template_id, i.version, i.state, i.registered_at, i.updated_at,
       i.suffix_key, coalesce(i.suffix, i.suffix_key) AS suffix, i.record
FROM identifier i WHERE i.prefix_id = $1 AND i.suffix_key = $2

-- name: lock_identifier
-- The same for a change: the row is held until the transaction ends.
SELECT i.prefix_id, i.template_id, i.version, i.state, i.registered_at, i.updated_at,
       i.suffix_key, coalesce(i.suffix, i.suffix_key) AS suffix, i.record
FROM identifier i WHERE i.prefix_id = $1 AND i.suffix_key = $2 FOR UPDATE

-- name: find_taken
-- Which of these suffixes stand already, and whether the batch at hand put them there.
SELECT i.suffix_key, i.state, i.template_id, i.record, h.batch_id
FROM identifier i
JOIN identifier_history h ON (h.prefix_id, h.suffix_key, h.version) = (i.prefix_id, i.suffix_key, i.version)
WHERE i.prefix_id = $1 AND i.suffix_key = ANY ($2::text[])

-- name: find_taken_values
-- Which values of unique attributes another live identifier holds.
SELECT a.attribute_index, a.value, a.suffix_key
FROM unnest($3::int[], $4::text[]) AS wanted (attribute_index, value)
JOIN attribute_index a ON a.prefix_id = $1 AND a.template_id = $2 AND a.is_unique
     AND a.attribute_index = wanted.attribute_index AND a.value = wanted.value

-- name: revive_identifier
-- Registration of an identifier that was deleted: its versions go on.
UPDATE identifier SET template_id = $3, version = version + 1, state = 1, registered_at = $4, updated_at = $4,
       suffix = $5, record = $6
WHERE prefix_id = $1 AND suffix_key = $2 AND state = 2
RETURNING version

-- name: change_identifier
-- A new record for a live identifier of the expected version.
UPDATE identifier SET version = version + 1, updated_at = $4, record = $5
WHERE prefix_id = $1 AND suffix_key = $2 AND version = $3 AND state = 1
RETURNING version

-- name: delete_identifier
-- The row stays without its record, so that versions and counts go on; history keeps what it held.
UPDATE identifier SET version = version + 1, updated_at = $4, state = 2, record = '\x00000000'
WHERE prefix_id = $1 AND suffix_key = $2 AND version = $3 AND state = 1
RETURNING version

-- name: forget_attributes
-- The side index of one identifier, before its new entries are written.
DELETE FROM attribute_index WHERE prefix_id = $1 AND suffix_key = $2

-- name: add_history
-- One entry for a single change; bulk registration copies its entries.
INSERT INTO identifier_history (prefix_id, version, action, interface, at, account_id, batch_id, suffix_key, before)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- name: add_event
-- One leaf for the transparency log.
INSERT INTO event (leaf) VALUES ($1)

-- name: add_attributes
-- The side index of one identifier.
INSERT INTO attribute_index (prefix_id, template_id, attribute_index, is_unique, value, suffix_key)
SELECT $1, $2, entry.attribute_index, entry.is_unique, entry.value, $3
FROM unnest($4::int[], $5::boolean[], $6::text[]) AS entry (attribute_index, is_unique, value)

-- name: list_identifiers
-- Live identifiers below a prefix in key order, by keyset.
SELECT i.prefix_id, i.template_id, i.version, i.state, i.registered_at, i.updated_at,
       i.suffix_key, coalesce(i.suffix, i.suffix_key) AS suffix, i.record
FROM identifier i
WHERE i.prefix_id = $1 AND i.suffix_key > $2 AND i.state = 1 AND ($4::int IS NULL OR i.template_id = $4)
ORDER BY i.suffix_key LIMIT $3

-- name: list_by_attribute
-- Live identifiers whose listed or unique attribute has this value, in key order, by keyset.
SELECT i.prefix_id, i.template_id, i.version, i.state, i.registered_at, i.updated_at,
       i.suffix_key, coalesce(i.suffix, i.suffix_key) AS suffix, i.record
FROM attribute_index a
JOIN identifier i ON (i.prefix_id, i.suffix_key) = (a.prefix_id, a.suffix_key)
WHERE a.prefix_id = $1 AND a.suffix_key > $2 AND a.template_id = $4 AND a.attribute_index = $5 AND a.value = $6
      AND a.is_unique = $7 AND i.state = 1
ORDER BY a.suffix_key LIMIT $3

-- name: history_of_identifier
-- All versions of one identifier, newest first, by keyset.
SELECT h.version, h.action, h.interface, h.at, h.account_id, h.batch_id, h.before
FROM identifier_history h
WHERE h.prefix_id = $1 AND h.suffix_key = $2 AND h.version < $3
ORDER BY h.version DESC LIMIT $4

-- name: announce
-- Tell every resolver, at commit.
SELECT pg_notify($1, $2)

-- name: open_batch
-- A batch gets its row at its first byte; the same key of the same account finds the same batch.
INSERT INTO batch (batch_id, account_id, prefix_id, template_id, idempotency_key, request, state, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, 'running', $7, $7)
ON CONFLICT (account_id, idempotency_key) DO NOTHING

-- name: batch_by_key
-- The batch of an idempotency key.
SELECT batch_id, account_id, prefix_id, template_id, idempotency_key, request, state, header, read_offset, read_line,
       body_bytes, body_digest, registered, unchanged, rejected, failure, created_at, updated_at
FROM batch WHERE account_id = $1 AND idempotency_key = $2

-- name: batch_by_id
-- One batch with the owner of its prefix.
SELECT b.batch_id, b.account_id, b.prefix_id, b.template_id, b.idempotency_key, b.request, b.state, b.header,
       b.read_offset, b.read_line, b.body_bytes, b.body_digest, b.registered, b.unchanged, b.rejected, b.failure, b.created_at,
       b.updated_at, p.enterprise_id
FROM batch b JOIN prefix p ON p.prefix_id = b.prefix_id WHERE b.batch_id = $1

-- name: list_batches
-- Batches of an enterprise (of all when null), newest first, by keyset: batch ids grow with time.
SELECT b.batch_id, b.account_id, b.prefix_id, b.template_id, b.idempotency_key, b.request, b.state, b.header,
       b.read_offset, b.read_line, b.body_bytes, b.body_digest, b.registered, b.unchanged, b.rejected, b.failure, b.created_at,
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

-- name: advance_batch
-- Progress, in the transaction of the chunk it describes.
UPDATE batch SET header = $2::jsonb, read_offset = $3, read_line = $4, body_bytes = $5, body_digest = $6,
       registered = registered + $7, unchanged = unchanged + $8, rejected = rejected + $9, updated_at = $10
WHERE batch_id = $1 AND state = 'running'

-- name: end_batch
-- Finished, or failed as a whole with its reason.
UPDATE batch SET state = $2, failure = $3::jsonb, body_bytes = $4, body_digest = $5, updated_at = $6
WHERE batch_id = $1 AND state = 'running'

-- name: rejections_after
-- Faults of rejected rows in the order of the input, by keyset (line, fault).
SELECT line, fault, field, code, message, input_row FROM rejection
WHERE batch_id = $1 AND (line, fault) > ($2, $3) ORDER BY line, fault LIMIT $4
