-- name: known_file
-- Sent before: the answer is the receipt of that time.
SELECT received_at FROM docked_file WHERE node_id = $1 AND sha256 = $2

-- name: last_file
-- The end of the chain of a kind.
SELECT (manifest->>'number')::bigint AS number, sha256 FROM docked_file WHERE node_id = $1 AND kind = $2
ORDER BY (manifest->>'number')::bigint DESC LIMIT 1

-- name: keep_file
-- The bytes as they came.
INSERT INTO docked_file (node_id, sha256, kind, manifest, laboratory, content, received_at)
VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7)

-- name: read_file
-- For whoever asks for what was sent.
SELECT manifest::text, content FROM docked_file WHERE node_id = $1 AND sha256 = $2

-- name: list_files
-- By pages, the newest first, without their bytes.
SELECT f.node_id, n.delegated_prefix, f.kind, (f.manifest->>'number')::bigint AS number, encode(f.sha256, 'hex') AS sha256,
       octet_length(f.content) AS bytes, (f.manifest->>'rows')::bigint AS rows, f.laboratory, f.received_at,
       to_char(f.received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || encode(f.sha256, 'hex') AS cursor
FROM docked_file f JOIN docked_node n USING (node_id)
WHERE ($3 = '' OR n.delegated_prefix = $3)
  AND ($1 = '' OR (f.received_at, encode(f.sha256, 'hex'))
                  < ((left($1, 26) || 'Z')::timestamptz, substr($1, 27)))
ORDER BY f.received_at DESC, encode(f.sha256, 'hex') DESC LIMIT $2
