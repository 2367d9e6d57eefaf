-- name: begin_standby
-- The row of a node that brings its first page.
INSERT INTO docked_standby (delegated_prefix, node_id, changed_at) VALUES ($1, $2, $3)
ON CONFLICT (delegated_prefix) DO UPDATE SET node_id = excluded.node_id

-- name: hold_standby
-- One page of a node at a time.
SELECT position, snapshot_id, snapshot_position, coalesce(snapshot_after, '') AS snapshot_after
FROM docked_standby WHERE delegated_prefix = $1 FOR UPDATE

-- name: standby_state
-- What the node below is told.
SELECT position, records, snapshot_id, snapshot_position, coalesce(snapshot_after, '') AS snapshot_after
FROM docked_standby WHERE delegated_prefix = $1

-- name: names_standing
-- Which of the names of a page are there already.
SELECT name_key FROM docked_standby_record WHERE delegated_prefix = $1 AND name_key = ANY($2::text[])

-- name: renew_records
-- What those are now; what is new is copied.
UPDATE docked_standby_record AS known SET name = told.name, snapshot_id = $2, record = told.record
FROM unnest($3::text[], $4::text[], $5::bytea[]) AS told (name_key, name, record)
WHERE known.delegated_prefix = $1 AND known.name_key = told.name_key

-- name: remove_names
-- What is to be answered no more; how many were there.
WITH gone AS (
    DELETE FROM docked_standby_record WHERE delegated_prefix = $1 AND name_key = ANY($2::text[]) RETURNING 1
)
SELECT count(*) FROM gone

-- name: note_snapshot
-- How far a snapshot has come.
UPDATE docked_standby
SET snapshot_id = $2, snapshot_position = $3, snapshot_after = $4, records = records + $5, changed_at = $6
WHERE delegated_prefix = $1

-- name: drop_what_is_older
-- What stood before a snapshot and is not in it; how many there were.
WITH gone AS (
    DELETE FROM docked_standby_record WHERE delegated_prefix = $1 AND snapshot_id <> $2 RETURNING 1
)
SELECT count(*) FROM gone

-- name: move_standby
-- The records go to another position, and no snapshot is under way.
UPDATE docked_standby
SET position = $2, records = records + $3, changed_at = $4, snapshot_id = NULL, snapshot_position = NULL,
    snapshot_after = NULL
WHERE delegated_prefix = $1

-- name: standby_record
-- Read for each answer during a takeover.
SELECT coalesce(name, name_key) AS name, record FROM docked_standby_record WHERE delegated_prefix = $1 AND name_key = $2

-- name: standby_records
-- Compared with what the node has.
SELECT name_key, record FROM docked_standby_record WHERE delegated_prefix = $1 AND name_key = ANY($2::text[])

-- name: sample_names
-- A few at random out of very many: of forty times as many, in pages of the table chosen at random.
SELECT coalesce(name, name_key) AS name
FROM docked_standby_record TABLESAMPLE SYSTEM (
    least(100, 4000.0 * $2::int / greatest(1, (SELECT records FROM docked_standby WHERE delegated_prefix = $1)))
)
WHERE delegated_prefix = $1 ORDER BY random() LIMIT $2

-- name: list_standby
-- The overview: how far each node's records go.
SELECT delegated_prefix, node_id, position, records, snapshot_id, snapshot_position, snapshot_after, changed_at
FROM docked_standby ORDER BY delegated_prefix
