-- name: hold_schema
-- Two mocks starting at once make the tables one after the other.
SELECT pg_advisory_xact_lock($1)

-- name: keep_request
-- Bytes in, bytes out.
INSERT INTO request (received_at, source, head, body, signature, status, answer) VALUES ($1, $2, $3, $4, $5, $6, $7)

-- name: note_canaries
-- One resolution of our own, or one that may have been one.
INSERT INTO canary (delegated_prefix, day, interface, answered, missed, uncertain) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (delegated_prefix, day, interface) DO UPDATE
SET answered = canary.answered + excluded.answered, missed = canary.missed + excluded.missed,
    uncertain = canary.uncertain + excluded.uncertain

-- name: canary_nodes
-- Those that said where they answer and whose identifiers are known here.
SELECT r.delegated_prefix, r.sites::text
FROM docked_route r JOIN docked_standby s USING (delegated_prefix)
WHERE s.records > 0 AND jsonb_array_length(r.sites) > 0 ORDER BY r.delegated_prefix

-- name: list_canaries
-- What we resolved beside what the node reports: valid resolutions (found, found but stale) of the day by interface.
SELECT c.delegated_prefix, c.day, c.interface, c.answered, c.missed, c.uncertain, coalesce(said.reported, 0)::bigint AS reported
FROM canary c
LEFT JOIN LATERAL (
    SELECT sum((r->>'resolutions')::bigint) AS reported
    FROM docked_node n JOIN docked_count d ON d.node_id = n.node_id AND d.period = 'day'
        AND d.at = c.day::timestamp AT TIME ZONE INTERVAL '08:00'
    CROSS JOIN LATERAL jsonb_array_elements(d.resolutions) r
    WHERE n.delegated_prefix = c.delegated_prefix AND (r->>'interface')::int = c.interface AND (r->>'outcome')::int IN (1, 2)
) said ON true
ORDER BY c.day DESC, c.delegated_prefix, c.interface LIMIT 100

-- name: newest_messages
-- The overview: what came last.
SELECT arrival, node_id, stream, sequence, kind, laboratory, received_at, left(body, 400) AS body
FROM docked_message ORDER BY arrival DESC LIMIT 20
