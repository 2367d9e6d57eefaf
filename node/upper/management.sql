-- name: list_applications
-- The oldest first: whoever decides begins with it.
SELECT a.application_id, a.kind, a.name, a.prefix, a.credit_code, a.body, a.state, a.reason, a.access_key, a.received_at,
       a.decided_at, k.keys, concat(a.received_at, '|', a.application_id) AS cursor
FROM docking_application a
CROSS JOIN LATERAL (SELECT count(*) AS keys FROM docking_key
                    WHERE delegated_prefix = a.prefix AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())) k
WHERE ($1::text = '' OR (a.received_at, a.application_id)
       > (split_part(nullif($1, ''), '|', 1)::timestamptz, split_part(nullif($1, ''), '|', 2)::uuid))
  AND ($3::text = '' OR a.prefix = $3) AND ($4::text = '' OR a.state = $4)
ORDER BY a.received_at, a.application_id LIMIT $2

-- name: application_of
-- As it is listed.
SELECT a.application_id, a.kind, a.name, a.prefix, a.credit_code, a.body, a.state, a.reason, a.access_key, a.received_at,
       a.decided_at, k.keys
FROM docking_application a
CROSS JOIN LATERAL (SELECT count(*) AS keys FROM docking_key
                    WHERE delegated_prefix = a.prefix AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())) k
WHERE a.application_id = $1

-- name: list_keys
-- By prefix; a key pair's secret is nobody's to see.
SELECT access_key, name, kind, delegated_prefix, encode(certificate_sha256, 'hex') AS certificate_sha256, issued_at,
       used_at, expires_at, revoked_at, replaces, concat(delegated_prefix, '|', access_key) AS cursor
FROM docking_key
WHERE ($1::text = '' OR (delegated_prefix, access_key) > (split_part($1, '|', 1), split_part($1, '|', 2)))
  AND ($3::text = '' OR delegated_prefix = $3)
ORDER BY delegated_prefix, access_key LIMIT $2

-- name: list_nodes
-- Each node with its heartbeat, its newest message and how late that was.
SELECT n.node_id, n.delegated_prefix, n.laboratory, n.first_seen_at, n.last_seen_at, n.heartbeat, n.heartbeat_at,
       m.received_at AS message_at, extract(epoch FROM m.received_at - m.created_at)::float8 AS lag_seconds,
       concat(n.first_seen_at, '|', n.node_id) AS cursor
FROM docked_node n
LEFT JOIN LATERAL (SELECT received_at, created_at FROM docked_message WHERE node_id = n.node_id
                   ORDER BY arrival DESC LIMIT 1) m ON true
WHERE ($1::text = '' OR (n.first_seen_at, n.node_id)
       > (split_part(nullif($1, ''), '|', 1)::timestamptz, split_part(nullif($1, ''), '|', 2)::uuid))
  AND ($3::text = '' OR n.delegated_prefix = $3)
ORDER BY n.first_seen_at, n.node_id LIMIT $2

-- name: list_streams
-- How far each stream has come.
SELECT s.node_id, s.stream, s.last_sequence, s.messages, s.disordered, concat(s.node_id, '|', s.stream) AS cursor
FROM docked_stream s JOIN docked_node n USING (node_id)
WHERE ($1::text = '' OR (s.node_id, s.stream)
       > (split_part(nullif($1, ''), '|', 1)::uuid, substr($1, length(split_part($1, '|', 1)) + 2)))
  AND ($3::text = '' OR n.delegated_prefix = $3)
ORDER BY s.node_id, s.stream LIMIT $2

-- name: list_prefixes
-- Who holds what.
SELECT p.prefix, p.delegated_prefix, p.node_id, p.enterprise_id, p.credit_code || p.other_certificate AS credit_code,
       coalesce(e.name, '') AS name, p.state, p.hosting, p.sites, p.changed_at,
       concat(p.changed_at, '|', p.prefix) AS cursor
FROM docked_prefix p LEFT JOIN docked_enterprise e USING (node_id, enterprise_id)
WHERE ($1::text = '' OR (p.changed_at, p.prefix)
       < (split_part(nullif($1, ''), '|', 1)::timestamptz, split_part(nullif($1, ''), '|', 2)))
  AND ($3::text = '' OR p.delegated_prefix = $3)
ORDER BY p.changed_at DESC, p.prefix DESC LIMIT $2

-- name: list_routes
-- Where the nodes answer.
SELECT delegated_prefix, node_id, serial, sites, public_key IS NOT NULL AS has_key, reported_at, delegated_prefix AS cursor
FROM docked_route
WHERE ($1::text = '' OR delegated_prefix > $1) AND ($3::text = '' OR delegated_prefix = $3)
ORDER BY delegated_prefix LIMIT $2

-- name: list_verdicts
-- The newest results of verification.
SELECT sequence, delegated_prefix, application, prefix, passed, reason, at, sequence::text AS cursor
FROM docked_verdict
WHERE ($1::text = '' OR sequence < nullif($1, '')::bigint) AND ($3::text = '' OR delegated_prefix = $3)
ORDER BY sequence DESC LIMIT $2

-- name: list_counts
-- The last days, hours or minutes.
SELECT c.node_id, c.period, c.at, c.laboratory, c.stated_at, c.registered, c.updated, c.deleted, c.suspended, c.resumed,
       (SELECT coalesce(sum((r->>'resolutions')::bigint), 0)::bigint FROM jsonb_array_elements(c.resolutions) r) AS resolutions,
       concat(c.at, '|', c.node_id) AS cursor
FROM docked_count c JOIN docked_node n USING (node_id)
WHERE ($1::text = '' OR (c.at, c.node_id)
       < (split_part(nullif($1, ''), '|', 1)::timestamptz, split_part(nullif($1, ''), '|', 2)::uuid))
  AND ($3::text = '' OR n.delegated_prefix = $3) AND c.period = $4
ORDER BY c.at DESC, c.node_id DESC LIMIT $2

-- name: list_instructions
-- The newest, with their answers.
SELECT sequence, instruction_id, delegated_prefix, kind, body, issued_at, outcome, detail, result, answered_at,
       sequence::text AS cursor
FROM docked_instruction
WHERE ($1::text = '' OR sequence < nullif($1, '')::bigint) AND ($3::text = '' OR delegated_prefix = $3)
ORDER BY sequence DESC LIMIT $2
