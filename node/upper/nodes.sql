-- name: note_node
-- Who spoke, or of whom the node above it spoke; holds the row. No row comes back when it is another's: known under a
-- prefix that is not within $5, for which a key still holds.
INSERT INTO docked_node (node_id, delegated_prefix, laboratory, first_seen_at, last_seen_at) VALUES ($1, $2, $3, $4, $4)
ON CONFLICT (node_id) DO UPDATE
SET delegated_prefix = CASE WHEN starts_with(docked_node.delegated_prefix, excluded.delegated_prefix || '.')
                       THEN docked_node.delegated_prefix ELSE excluded.delegated_prefix END,
    laboratory = docked_node.laboratory OR excluded.laboratory, last_seen_at = excluded.last_seen_at
WHERE starts_with(docked_node.delegated_prefix || '.', $5::text || '.')
   OR NOT EXISTS (SELECT FROM docking_key k WHERE starts_with(docked_node.delegated_prefix || '.', k.delegated_prefix || '.')
                  AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > excluded.last_seen_at))
RETURNING laboratory

-- name: note_heartbeat
-- The newest one is enough.
UPDATE docked_node SET heartbeat = $2::jsonb, heartbeat_at = $3 WHERE node_id = $1
