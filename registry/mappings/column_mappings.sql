-- Column mappings as stored.

-- name: add_column_mapping
-- A mapping; its name is the enterprise's only one or column_mapping_name_unique refuses it.
INSERT INTO column_mapping (enterprise_id, name, definition, created_at, updated_at)
VALUES ($1, $2, $3::jsonb, $4, $4)
RETURNING column_mapping_id

-- name: find_column_mapping
-- One mapping by its number.
SELECT column_mapping_id AS number, enterprise_id, name, definition, version, created_at, updated_at
FROM column_mapping WHERE column_mapping_id = $1

-- name: lock_column_mapping
-- The same for a change.
SELECT column_mapping_id AS number, enterprise_id, name, definition, version, created_at, updated_at
FROM column_mapping WHERE column_mapping_id = $1 FOR UPDATE

-- name: column_mapping_by_name
-- The mapping that an enterprise means by a name.
SELECT column_mapping_id AS number, enterprise_id, name, definition, version, created_at, updated_at
FROM column_mapping WHERE enterprise_id = $1 AND name = $2

-- name: list_column_mappings
-- In the order of creation, by keyset.
SELECT column_mapping_id AS number, enterprise_id, name, definition, version, created_at, updated_at
FROM column_mapping
WHERE column_mapping_id > $1::bigint AND ($2::uuid IS NULL OR enterprise_id = $2)
ORDER BY column_mapping_id LIMIT $3

-- name: change_column_mapping
-- A new name and definition for a row that the transaction has locked.
UPDATE column_mapping SET name = $2, definition = $3::jsonb, version = $4, updated_at = $5 WHERE column_mapping_id = $1

-- name: remove_column_mapping
-- A mapping that the transaction has locked; batches that use it have a copy of their own.
DELETE FROM column_mapping WHERE column_mapping_id = $1
