-- name: who_answers
-- All that is known about a prefix and those above it, the longest first.
SELECT 'prefix' AS kind, prefix, state, sites::text, 1 AS serial, NULL::bytea AS public_key,
       NULL::uuid AS takeover_id
FROM docked_prefix WHERE prefix = ANY($1::text[])
UNION ALL
SELECT 'takeover', delegated_prefix, state, '[]', 1, NULL, takeover_id
FROM docked_takeover WHERE state <> 'ended' AND NOT drill AND delegated_prefix = ANY($1::text[])
UNION ALL
SELECT 'route', delegated_prefix, '', sites::text, serial, public_key, NULL
FROM docked_route WHERE delegated_prefix = ANY($1::text[])
UNION ALL
SELECT DISTINCT 'key', delegated_prefix, '', '[]', 1, NULL::bytea, NULL::uuid
FROM docking_key WHERE revoked_at IS NULL AND delegated_prefix = ANY($1::text[])
ORDER BY 2 DESC
