-- Access keys, and what SNMS wants to know of accounts; the accounts themselves are in registry/queries.sql.

-- name: set_verifier
-- The digest for the ciphered login: written when the password is known again, gone where that login is off.
UPDATE account SET verifier = $2 WHERE account_id = $1

-- name: enter_enterprise
-- An enterprise user whose enterprise has been entered.
UPDATE account SET enterprise_id = $2, updated_at = $3 WHERE account_id = $1 AND enterprise_id IS NULL

-- name: personal_of_enterprises
-- What is kept about the users of these enterprises, sealed.
SELECT account_id, enterprise_id, personal FROM account
WHERE enterprise_id = ANY ($1::uuid[]) AND personal IS NOT NULL ORDER BY account_id

-- name: add_access_key
-- Only digests of the secret key are kept.
INSERT INTO access_key (access_key, account_id, label, secret_hash, verifier, created_at) VALUES ($1, $2, $3, $4, $5, $6)

-- name: find_access_key
-- Whose it is, and what proves it.
SELECT access_key, account_id, label, secret_hash, verifier, created_at, revoked_at FROM access_key WHERE access_key = $1

-- name: lock_access_key
-- The access key for its revocation.
SELECT access_key, account_id, label, secret_hash, verifier, created_at, revoked_at FROM access_key WHERE access_key = $1
FOR NO KEY UPDATE

-- name: list_access_keys
-- An account's access keys, oldest first; there are few.
SELECT access_key, account_id, label, secret_hash, verifier, created_at, revoked_at FROM access_key
WHERE account_id = $1 ORDER BY created_at, access_key

-- name: revoke_access_key
-- For ever.
UPDATE access_key SET revoked_at = $2 WHERE access_key = $1
