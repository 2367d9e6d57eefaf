-- name: one_application_at_a_time
-- Who counts those that wait counts right, and the same one twice at once is one.
SELECT pg_advisory_xact_lock($1)

-- name: application
-- One, held: it is decided once.
SELECT secret_sealed, body, state, reason FROM docking_application WHERE application_id = $1 FOR UPDATE

-- name: pending
-- How many wait for a decision.
SELECT count(*) FROM docking_application WHERE state = 'pending'

-- name: keep_application
-- New, and undecided.
INSERT INTO docking_application (application_id, secret_sealed, kind, name, prefix, credit_code, body, received_at)
VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8)

-- name: application_with_key
-- What the applicant is told; its key as long as it was never used, replaced by nothing and not revoked.
SELECT a.kind, a.state, a.reason, a.access_key, k.delegated_prefix, k.secret_sealed AS key_sealed,
       k.used_at IS NULL AND k.revoked_at IS NULL AND k.expires_at IS NULL AS usable
FROM docking_application a LEFT JOIN docking_key k USING (access_key) WHERE a.application_id = $1

-- name: decide_application
-- Once and for ever.
UPDATE docking_application SET state = $2, reason = $3, access_key = $4, decided_at = $5 WHERE application_id = $1
