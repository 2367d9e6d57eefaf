-- name: key_that_holds
-- A key pair by which requests are believed at $2.
SELECT secret_sealed, name, kind, delegated_prefix, certificate_sha256, used_at FROM docking_key
WHERE access_key = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)

-- name: spend_nonce
-- Returns a row the first time only, whoever else is spending it just now.
INSERT INTO docking_nonce (access_key, nonce, seen_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING nonce

-- name: forget_nonces
-- Older than any timestamp that is still believed.
DELETE FROM docking_nonce WHERE seen_at < $1

-- name: first_use
-- Who uses the successor has it: from now on the key before it expires.
WITH used AS (UPDATE docking_key SET used_at = $2 WHERE access_key = $1 AND used_at IS NULL RETURNING replaces)
UPDATE docking_key SET expires_at = least(expires_at, $3) WHERE access_key = (SELECT replaces FROM used)

-- name: applicant
-- By whose secret questions about an application are signed.
SELECT secret_sealed FROM docking_application WHERE application_id = $1

-- name: issue_key
-- A key pair for one node; issuing the same one again replaces its secret, its prefix and its certificate.
INSERT INTO docking_key (access_key, secret_sealed, name, kind, delegated_prefix, certificate_sha256, issued_at, replaces)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (access_key) DO UPDATE
SET secret_sealed = excluded.secret_sealed, name = excluded.name, kind = excluded.kind,
    delegated_prefix = excluded.delegated_prefix, certificate_sha256 = excluded.certificate_sha256

-- name: hold_key
-- Two questions for a successor at once get the same one.
SELECT name, kind, delegated_prefix, certificate_sha256 FROM docking_key WHERE access_key = $1 FOR UPDATE

-- name: successor
-- Of a key, if it has one that was not revoked.
SELECT access_key, secret_sealed, used_at FROM docking_key WHERE replaces = $1 AND revoked_at IS NULL

-- name: revoke_key
-- At once and for ever.
UPDATE docking_key SET revoked_at = coalesce(revoked_at, $2) WHERE access_key = $1 RETURNING access_key
