-- name: hold_schema
-- Two mocks starting at once make the tables one after the other.
SELECT pg_advisory_xact_lock($1)

-- name: issue_key
-- A key pair for one node; starting again with another secret or prefix replaces them.
INSERT INTO key_pair (access_key, secret_key, delegated_prefix, issued_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (access_key) DO UPDATE SET secret_key = excluded.secret_key, delegated_prefix = excluded.delegated_prefix

-- name: issued_keys
-- All of them; there are few.
SELECT access_key, secret_key, delegated_prefix FROM key_pair

-- name: spend_nonce
-- Returns a row the first time only, whoever else is spending it just now.
INSERT INTO nonce (access_key, nonce, seen_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING nonce

-- name: forget_nonces
-- Older than any timestamp that is still believed.
DELETE FROM nonce WHERE seen_at < $1

-- name: keep_request
-- Bytes in, bytes out.
INSERT INTO request (received_at, source, head, body, signature, status, answer) VALUES ($1, $2, $3, $4, $5, $6, $7)

-- name: note_node
-- Who spoke; holds the row, so that two requests of one node are applied one after the other.
INSERT INTO node (node_id, access_key, laboratory, first_seen_at, last_seen_at) VALUES ($1, $2, $3, $4, $4)
ON CONFLICT (node_id) DO UPDATE
SET access_key = excluded.access_key, laboratory = node.laboratory OR excluded.laboratory, last_seen_at = excluded.last_seen_at

-- name: note_heartbeat
-- The newest one is enough; all of them are among the requests.
UPDATE node SET heartbeat = $2::jsonb, heartbeat_at = $3 WHERE node_id = $1

-- name: known_messages
-- Which of these have been accepted before.
SELECT message_id FROM message WHERE node_id = $1 AND message_id = ANY($2::uuid[])

-- name: keep_messages
-- Accepted, in the order of arrival.
INSERT INTO message (node_id, laboratory, received_at, message_id, stream, sequence, kind, created_at, body)
SELECT $1, $2, $3, m.message_id, m.stream, m.sequence, m.kind, m.created_at, m.body
FROM unnest($4::uuid[], $5::text[], $6::bigint[], $7::text[], $8::timestamptz[], $9::text[])
     WITH ORDINALITY AS m(message_id, stream, sequence, kind, created_at, body, place)
ORDER BY m.place

-- name: note_stream
-- How far a stream has come, and how often it came the wrong way round.
INSERT INTO stream (node_id, stream, last_sequence, messages, disordered) VALUES ($1, $2, $3, 1, 0)
ON CONFLICT (node_id, stream) DO UPDATE
SET messages = stream.messages + 1,
    disordered = stream.disordered + (excluded.last_sequence <= stream.last_sequence)::int,
    last_sequence = greatest(stream.last_sequence, excluded.last_sequence)

-- name: note_enterprise
-- The newest report on an enterprise.
INSERT INTO enterprise (node_id, enterprise_id, credit_code, name, division_code, industry_code, state, reported_at,
                        other_certificate)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (node_id, enterprise_id) DO UPDATE
SET credit_code = excluded.credit_code, name = excluded.name, division_code = excluded.division_code,
    industry_code = excluded.industry_code, state = excluded.state, reported_at = excluded.reported_at,
    other_certificate = excluded.other_certificate

-- name: ask_verification
-- A prefix that the node has reviewed; judged later, outside the request.
INSERT INTO verification (node_id, access_key, prefix, enterprise_id, credit_code, asked_at, other_certificate)
VALUES ($1, $2, $3, $4, $5, $6, $7)

-- name: note_prefix
-- What the holder's node reports about a prefix that passed.
UPDATE prefix SET state = $3, changed_at = $4 WHERE prefix = $1 AND access_key = $2

-- name: pass_prefix_on
-- Another enterprise of the same node holds it now.
UPDATE prefix SET enterprise_id = $3, credit_code = $4, other_certificate = $5, changed_at = $6
WHERE prefix = $1 AND access_key = $2

-- name: add_registrations
-- Each summary is added once, for its message is accepted once.
INSERT INTO registration (node_id, prefix, registered, updated, deleted, suspended, resumed)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (node_id, prefix) DO UPDATE
SET registered = registration.registered + excluded.registered, updated = registration.updated + excluded.updated,
    deleted = registration.deleted + excluded.deleted, suspended = registration.suspended + excluded.suspended,
    resumed = registration.resumed + excluded.resumed

-- name: state_day
-- A later statement about a day replaces an earlier one, in whatever order they arrive.
INSERT INTO daily_count (node_id, day, laboratory, at, registered, updated, deleted, suspended, resumed, resolutions)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb)
ON CONFLICT (node_id, day) DO UPDATE
SET laboratory = daily_count.laboratory OR excluded.laboratory, at = excluded.at, registered = excluded.registered,
    updated = excluded.updated, deleted = excluded.deleted, suspended = excluded.suspended, resumed = excluded.resumed,
    resolutions = excluded.resolutions
WHERE daily_count.at <= excluded.at

-- name: verdicts_after
-- In order; a node sees those of its own key.
SELECT sequence, prefix, passed, reason, at FROM verdict WHERE access_key = $1 AND sequence > $2 ORDER BY sequence LIMIT $3

-- name: undecided
-- The oldest applications first, with what is known about their enterprise and about another holder.
SELECT v.verification_id, v.node_id, v.access_key, v.prefix, v.enterprise_id, v.credit_code, v.other_certificate,
       v.asked_at, k.delegated_prefix, e.state AS enterprise_state, e.credit_code AS reported_code,
       e.other_certificate AS reported_certificate, e.name, e.division_code, e.industry_code,
       p.credit_code AS holder, p.other_certificate AS holding_certificate
FROM verification v
JOIN key_pair k USING (access_key)
LEFT JOIN enterprise e USING (node_id, enterprise_id)
LEFT JOIN prefix p ON p.prefix = v.prefix
WHERE v.decided_at IS NULL
ORDER BY v.verification_id LIMIT 1 OFFSET $1
FOR UPDATE OF v

-- name: decide
-- The application is settled.
UPDATE verification SET decided_at = $2 WHERE verification_id = $1

-- name: add_verdict
-- What the node will read.
INSERT INTO verdict (access_key, prefix, passed, reason, at) VALUES ($1, $2, $3, $4, $5)

-- name: give_prefix
-- The holder of a prefix that passed; the same enterprise may come again.
INSERT INTO prefix (prefix, access_key, node_id, enterprise_id, credit_code, other_certificate, state, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, 'verified', $7)
ON CONFLICT (prefix) DO UPDATE
SET access_key = excluded.access_key, node_id = excluded.node_id, enterprise_id = excluded.enterprise_id,
    state = excluded.state, changed_at = excluded.changed_at

-- name: page_nodes
-- The overview: each node with its heartbeat, its newest message and how late that was.
SELECT n.node_id, n.access_key, k.delegated_prefix, n.laboratory, n.first_seen_at, n.last_seen_at, n.heartbeat::text, n.heartbeat_at,
       m.received_at AS message_at, extract(epoch FROM m.received_at - m.created_at)::float8 AS lag_seconds
FROM node n JOIN key_pair k USING (access_key)
LEFT JOIN LATERAL (SELECT received_at, created_at FROM message WHERE node_id = n.node_id ORDER BY arrival DESC LIMIT 1) m ON true
ORDER BY n.first_seen_at LIMIT 100

-- name: page_streams
-- The overview: how far each stream has come.
SELECT node_id, stream, last_sequence, messages, disordered FROM stream ORDER BY node_id, stream LIMIT 200

-- name: page_prefixes
-- The overview: who holds what.
SELECT p.prefix, p.state, p.credit_code || p.other_certificate AS credit_code, coalesce(e.name, '') AS name, p.changed_at
FROM prefix p LEFT JOIN enterprise e USING (node_id, enterprise_id) ORDER BY p.changed_at DESC LIMIT 100

-- name: page_verdicts
-- The overview: the newest results of verification.
SELECT sequence, prefix, passed, reason, at FROM verdict ORDER BY sequence DESC LIMIT 20

-- name: page_counts
-- The overview: the last days.
SELECT c.node_id, c.day, c.laboratory, c.at, c.registered, c.updated, c.deleted, c.suspended, c.resumed,
       (SELECT coalesce(sum((r->>'resolutions')::bigint), 0)::bigint FROM jsonb_array_elements(c.resolutions) r) AS resolutions
FROM daily_count c ORDER BY c.day DESC, c.node_id LIMIT 60

-- name: page_messages
-- The overview: what came last.
SELECT arrival, node_id, stream, sequence, kind, laboratory, received_at, left(body, 400) AS body
FROM message ORDER BY arrival DESC LIMIT 20
