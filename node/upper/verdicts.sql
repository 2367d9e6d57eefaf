-- name: verdicts_after
-- In order; a node sees those of what was delegated to it.
SELECT sequence, application, prefix, passed, reason, at FROM docked_verdict
WHERE delegated_prefix = $1 AND sequence > $2 ORDER BY sequence LIMIT $3

-- name: next_undecided
-- The oldest first, with what is known about their enterprise and about another holder. What was given up has none.
SELECT v.verification_id, v.node_id, v.delegated_prefix, v.application, v.prefix, v.enterprise_id, v.credit_code,
       v.other_certificate, v.asked_at, e.state AS enterprise_state, e.credit_code AS reported_code,
       e.other_certificate AS reported_certificate, e.name, e.division_code, e.industry_code,
       p.credit_code AS holder, p.other_certificate AS holding_certificate
FROM docked_verification v
LEFT JOIN docked_enterprise e USING (node_id, enterprise_id)
LEFT JOIN docked_prefix p ON p.prefix = v.prefix AND p.state NOT IN ('withdrawn', 'rejected', 'refused')
WHERE v.decided_at IS NULL AND v.verification_id > $1 AND ($2::text = '' OR v.delegated_prefix = $2)
ORDER BY v.verification_id LIMIT 1
FOR UPDATE OF v SKIP LOCKED

-- name: decide
-- The application is settled.
UPDATE docked_verification SET decided_at = $2 WHERE verification_id = $1

-- name: give_prefix
-- The holder of a prefix that passed; the same enterprise may come again.
INSERT INTO docked_prefix (prefix, delegated_prefix, node_id, enterprise_id, credit_code, other_certificate, state, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, 'verified', $7)
ON CONFLICT (prefix) DO UPDATE
SET delegated_prefix = excluded.delegated_prefix, node_id = excluded.node_id, enterprise_id = excluded.enterprise_id,
    credit_code = excluded.credit_code, other_certificate = excluded.other_certificate, state = excluded.state,
    changed_at = excluded.changed_at

-- name: one_sequence_at_a_time
-- Until the end of the transaction.
SELECT pg_advisory_xact_lock($1)

-- name: add_verdict
-- What the node will read.
INSERT INTO docked_verdict (delegated_prefix, application, prefix, passed, reason, at) VALUES ($1, $2, $3, $4, $5, $6)
