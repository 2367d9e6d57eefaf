-- The nodes of enterprises below this one.

-- name: applications_of_enabled_prefixes
-- Pending applications whose prefix has been enabled meanwhile, the oldest first.
SELECT a.application_id, a.kind, a.name, a.prefix, a.credit_code
FROM docking_application a
JOIN prefix p ON p.prefix = upper(a.prefix) AND p.state = 'enabled'
WHERE a.state = 'pending' AND a.kind = 'enterprise' AND a.credit_code <> ''
ORDER BY a.received_at LIMIT 100

-- name: pending_of_prefix
-- How many applications wait for a decision on one prefix; the one that just came is among them.
SELECT count(*) FROM docking_application WHERE state = 'pending' AND prefix = $1

-- name: keys_in_force
-- The key pairs of whoever answers for a prefix.
SELECT access_key FROM docking_key WHERE delegated_prefix = $1 AND revoked_at IS NULL ORDER BY issued_at

-- name: mark_counts
-- A node below has stated these periods, again or for the first time.
INSERT INTO docked_count_to_state AS known (node_id, period, at)
SELECT $1, period, at FROM unnest($2::text[], $3::timestamptz[]) AS stated (period, at)
ON CONFLICT (node_id, period, at) DO UPDATE SET mark = DEFAULT

-- name: marked_counts
-- Statements of nodes below that the node above does not know; those of one node and time stand together.
SELECT c.node_id, n.delegated_prefix, c.period, c.at, c.stated_at, c.laboratory, c.registered, c.updated, c.deleted,
       c.suspended, c.resumed, c.resolutions::text AS resolutions, m.mark
FROM docked_count_to_state m
JOIN docked_count c USING (node_id, period, at)
JOIN docked_node n ON n.node_id = c.node_id
ORDER BY c.node_id, c.stated_at, c.period, c.at LIMIT $1

-- name: take_marks_away
-- The node above has what was stated; what was stated again meanwhile has another mark.
DELETE FROM docked_count_to_state WHERE mark = ANY($1::bigint[])

-- name: docked_prefixes
-- Prefixes for whose nodes key pairs were issued, with what the prefix is here and what its node was told last.
SELECT d.delegated_prefix, coalesce(p.state, 'withdrawn') AS state, coalesce(p.reason, '') AS reason, told.kind AS told
FROM (SELECT DISTINCT delegated_prefix FROM docking_key WHERE kind = 'enterprise') d
LEFT JOIN prefix p ON p.prefix = d.delegated_prefix AND p.state NOT IN ('rejected', 'refused')
LEFT JOIN LATERAL (
    SELECT i.kind FROM docked_instruction i
    WHERE i.delegated_prefix = d.delegated_prefix AND i.kind IN ('suspend', 'resume')
    ORDER BY i.sequence DESC LIMIT 1
) told ON true
ORDER BY d.delegated_prefix

-- name: blocks_to_pass_on
-- Blocked identifiers below the prefixes of such nodes of which these were not told. Two ranges of one index each, so
-- that those below other prefixes cost nothing.
SELECT d.delegated_prefix, b.prefix, b.suffix_key, b.suffix, b.reason
FROM (SELECT DISTINCT delegated_prefix FROM docking_key WHERE kind = 'enterprise') d
CROSS JOIN LATERAL (
    SELECT prefix, suffix_key, suffix, reason FROM blocked_identifier WHERE prefix = d.delegated_prefix
    UNION ALL
    SELECT prefix, suffix_key, suffix, reason FROM blocked_identifier
    WHERE prefix > d.delegated_prefix || '.' AND prefix < d.delegated_prefix || '/'
) b
LEFT JOIN docked_block t
  ON t.delegated_prefix = d.delegated_prefix AND t.prefix = b.prefix AND t.suffix_key = b.suffix_key
WHERE t.prefix IS NULL
ORDER BY d.delegated_prefix, b.prefix, b.suffix_key LIMIT $1

-- name: blocks_to_take_back
-- Told, and no longer blocked.
SELECT t.delegated_prefix, t.prefix, t.suffix_key, t.suffix
FROM docked_block t
LEFT JOIN blocked_identifier b ON b.prefix = t.prefix AND b.suffix_key = t.suffix_key
WHERE b.prefix IS NULL
ORDER BY t.delegated_prefix, t.prefix, t.suffix_key LIMIT $1

-- name: block_passed_on
-- The node was told that this is blocked.
INSERT INTO docked_block (delegated_prefix, prefix, suffix_key, suffix) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING

-- name: block_taken_back
-- The node was told that this is blocked no more.
DELETE FROM docked_block WHERE delegated_prefix = $1 AND prefix = $2 AND suffix_key = $3

-- name: hold_passing_down
-- One hand at a time for the instructions that follow from the state of this node.
SELECT pg_advisory_xact_lock($1)

-- name: holder_in_use
-- The state of a prefix here and the certificate of its holder.
SELECT p.state, e.credit_code, e.other_certificate
FROM prefix p JOIN enterprise e ON e.enterprise_id = p.enterprise_id
WHERE p.prefix = $1 AND p.state NOT IN ('rejected', 'refused')
