-- The writer's statements, by noun. Locks are taken in one order everywhere: enterprise, then prefix.

-- Enterprises ---------------------------------------------------------------------------------------

-- name: add_enterprise
-- A draft; whoever else holds its certificate makes one of the two unique indexes refuse it.
INSERT INTO enterprise (enterprise_id, credit_code, other_certificate, name, name_en, division_code, industry_code,
                        address, website, profile, personal, valid_until, state, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11, $12, $13, $14, $14)
RETURNING enterprise_number

-- name: find_enterprise
-- One enterprise as it stands.
SELECT enterprise_id, enterprise_number, credit_code, other_certificate, name, name_en, division_code, industry_code, address,
       website, profile, personal, state, reason, version, created_at, updated_at
FROM enterprise WHERE enterprise_id = $1

-- name: find_enterprise_by_number
-- The same by the id that interfaces with whole numbers show.
SELECT enterprise_id, enterprise_number, credit_code, other_certificate, name, name_en, division_code, industry_code, address,
       website, profile, personal, state, reason, version, created_at, updated_at
FROM enterprise WHERE enterprise_number = $1

-- name: lock_enterprise
-- The same for a change; registrations that share the row wait until it is done.
SELECT enterprise_id, enterprise_number, credit_code, other_certificate, name, name_en, division_code, industry_code, address,
       website, profile, personal, state, reason, version, created_at, updated_at
FROM enterprise WHERE enterprise_id = $1 FOR NO KEY UPDATE

-- name: share_enterprise
-- The same for an act that needs the enterprise to stay as it is.
SELECT enterprise_id, enterprise_number, credit_code, other_certificate, name, name_en, division_code, industry_code, address,
       website, profile, personal, state, reason, version, created_at, updated_at
FROM enterprise WHERE enterprise_id = $1 FOR SHARE

-- name: change_enterprise
-- A new record, state and reason for a row that the transaction has locked.
UPDATE enterprise SET credit_code = $2, other_certificate = $3, name = $4, name_en = $5, division_code = $6,
       industry_code = $7, address = $8, website = $9, profile = $10::jsonb, personal = $11, valid_until = $12,
       state = $13, reason = $14, version = $15, updated_at = $16
WHERE enterprise_id = $1

-- name: holder_of_certificate
-- Who holds a credit code or another certificate now, apart from the asking enterprise.
SELECT enterprise_id FROM enterprise
WHERE credit_code = $1 AND other_certificate = $2 AND enterprise_id <> $3 AND state NOT IN ('rejected', 'closed')

-- name: enterprise_was_approved
-- Whether a reviewer ever approved it: what is submitted then is an amendment.
SELECT EXISTS (SELECT FROM act_history
               WHERE subject_kind = 'enterprise' AND subject_id = $1 AND action = 'enterprise.approve')

-- name: list_enterprises
-- Oldest first, by keyset: the ids grow with time.
SELECT enterprise_id, enterprise_number, credit_code, other_certificate, name, name_en, division_code, industry_code, address,
       website, profile, personal, state, reason, version, created_at, updated_at
FROM enterprise
WHERE enterprise_id > $1 AND ($2::text IS NULL OR state = $2) AND ($3::uuid IS NULL OR enterprise_id = $3)
      AND ($4::text IS NULL OR position($4 IN name) > 0)
      AND ($5::timestamptz IS NULL OR created_at >= $5) AND ($6::timestamptz IS NULL OR created_at <= $6)
ORDER BY enterprise_id LIMIT $7

-- name: page_of_enterprises
-- Newest first, by number of rows passed over, for interfaces whose pages have numbers.
SELECT enterprise_id, enterprise_number, credit_code, other_certificate, name, name_en, division_code, industry_code, address,
       website, profile, personal, state, reason, version, created_at, updated_at
FROM enterprise
WHERE ($1::uuid IS NULL OR enterprise_id = $1) AND ($2::text IS NULL OR position($2 IN name) > 0)
      AND ($3::timestamptz IS NULL OR created_at >= $3) AND ($4::timestamptz IS NULL OR created_at <= $4)
ORDER BY enterprise_number DESC OFFSET $5 LIMIT $6

-- name: count_enterprises
-- How many such pages have together.
SELECT count(*) FROM enterprise
WHERE ($1::uuid IS NULL OR enterprise_id = $1) AND ($2::text IS NULL OR position($2 IN name) > 0)
      AND ($3::timestamptz IS NULL OR created_at >= $3) AND ($4::timestamptz IS NULL OR created_at <= $4)

-- Prefixes ------------------------------------------------------------------------------------------

-- name: share_applicant
-- Who applies for a prefix, and where it is from; it stays as it is until the transaction ends.
SELECT name, credit_code, other_certificate, division_code, industry_code, state
FROM enterprise WHERE enterprise_id = $1 FOR SHARE

-- name: add_prefix
-- An application; nothing comes back when the prefix is taken, be it by a transaction that was waited for.
INSERT INTO prefix (prefix, enterprise_id, state, purpose, log_secret, hosting, with_enterprise, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
ON CONFLICT (prefix) WHERE state NOT IN ('rejected', 'refused') DO NOTHING
RETURNING prefix_id

-- name: find_prefix
-- The prefix as an account sees it: its own enterprise's row first, then the living one, then the newest.
SELECT p.prefix_id, p.prefix, p.enterprise_id, p.state, p.purpose, p.reason, p.suspended_with_enterprise, p.log_secret,
       p.suspended_from_above, p.suspended_here, p.hosting, p.hosting_reason, p.with_enterprise, p.suffix_rule_id,
       p.limited, p.version, p.created_at, p.updated_at,
       e.name AS enterprise_name, e.credit_code, e.other_certificate, e.state AS enterprise_state
FROM prefix p JOIN enterprise e ON e.enterprise_id = p.enterprise_id
WHERE p.prefix = $1
ORDER BY p.enterprise_id IS NOT DISTINCT FROM $2::uuid DESC, p.state IN ('rejected', 'refused'), p.prefix_id DESC
LIMIT 1

-- name: lock_prefix
-- The living row for a change of state; its enterprise stays as it is meanwhile.
SELECT p.prefix_id, p.prefix, p.enterprise_id, p.state, p.purpose, p.reason, p.suspended_with_enterprise, p.log_secret,
       p.suspended_from_above, p.suspended_here, p.hosting, p.hosting_reason, p.with_enterprise, p.suffix_rule_id,
       p.limited, p.version, p.created_at, p.updated_at,
       e.name AS enterprise_name, e.credit_code, e.other_certificate, e.state AS enterprise_state
FROM prefix p JOIN enterprise e ON e.enterprise_id = p.enterprise_id
WHERE p.prefix = $1 AND p.state NOT IN ('rejected', 'refused')
FOR SHARE OF e FOR NO KEY UPDATE OF p

-- name: share_prefix
-- The living row for a registration: neither the prefix nor its enterprise changes until it commits.
SELECT p.prefix_id, p.prefix, p.enterprise_id, p.state, p.purpose, p.reason, p.suspended_with_enterprise, p.log_secret,
       p.suspended_from_above, p.suspended_here, p.hosting, p.hosting_reason, p.with_enterprise, p.suffix_rule_id,
       p.limited, p.version, p.created_at, p.updated_at,
       e.name AS enterprise_name, e.credit_code, e.other_certificate, e.state AS enterprise_state
FROM prefix p JOIN enterprise e ON e.enterprise_id = p.enterprise_id
WHERE p.prefix = $1 AND p.state NOT IN ('rejected', 'refused')
FOR SHARE OF e, p

-- name: lock_prefixes_of_enterprise
-- All living rows of an enterprise that the transaction has locked.
SELECT p.prefix_id, p.prefix, p.enterprise_id, p.state, p.purpose, p.reason, p.suspended_with_enterprise, p.log_secret,
       p.suspended_from_above, p.suspended_here, p.hosting, p.hosting_reason, p.with_enterprise, p.suffix_rule_id,
       p.limited, p.version, p.created_at, p.updated_at,
       e.name AS enterprise_name, e.credit_code, e.other_certificate, e.state AS enterprise_state
FROM prefix p JOIN enterprise e ON e.enterprise_id = p.enterprise_id
WHERE p.enterprise_id = $1 AND p.state NOT IN ('rejected', 'refused', 'withdrawn')
ORDER BY p.prefix_id
FOR NO KEY UPDATE OF p

-- name: lock_prefixes_below
-- All living rows derived from a prefix that the transaction has locked; a derived prefix is younger than its own above.
SELECT p.prefix_id, p.prefix, p.enterprise_id, p.state, p.purpose, p.reason, p.suspended_with_enterprise, p.log_secret,
       p.suspended_from_above, p.suspended_here, p.hosting, p.hosting_reason, p.with_enterprise, p.suffix_rule_id,
       p.limited, p.version, p.created_at, p.updated_at,
       e.name AS enterprise_name, e.credit_code, e.other_certificate, e.state AS enterprise_state
FROM prefix p JOIN enterprise e ON e.enterprise_id = p.enterprise_id
WHERE p.prefix > $1 || '.' AND p.prefix < $1 || '/' AND p.state NOT IN ('rejected', 'refused', 'withdrawn')
ORDER BY p.prefix_id
FOR NO KEY UPDATE OF p

-- name: holder_of_prefix
-- Who holds a prefix, or held it until its withdrawal.
SELECT enterprise_id FROM prefix WHERE prefix = $1 AND state NOT IN ('rejected', 'refused')

-- name: change_prefix
-- A new state for a row that the transaction has locked.
UPDATE prefix SET state = $2, reason = $3, suspended_with_enterprise = $4, suspended_from_above = $5,
       suspended_here = $6, version = $7, updated_at = $8
WHERE prefix_id = $1

-- name: list_prefixes
-- In the order of application, by keyset.
SELECT p.prefix_id, p.prefix, p.enterprise_id, p.state, p.purpose, p.reason, p.suspended_with_enterprise, p.log_secret,
       p.suspended_from_above, p.suspended_here, p.hosting, p.hosting_reason, p.with_enterprise, p.suffix_rule_id,
       p.limited, p.version, p.created_at, p.updated_at,
       e.name AS enterprise_name, e.credit_code, e.other_certificate, e.state AS enterprise_state
FROM prefix p JOIN enterprise e ON e.enterprise_id = p.enterprise_id
WHERE p.prefix_id > $1::bigint AND ($2::text IS NULL OR p.state = $2) AND ($3::uuid IS NULL OR p.enterprise_id = $3)
ORDER BY p.prefix_id LIMIT $4

-- name: page_of_prefixes
-- Newest first, by number of rows passed over, for interfaces whose pages have numbers.
SELECT p.prefix_id, p.prefix, p.enterprise_id, p.state, p.purpose, p.reason, p.suspended_with_enterprise, p.log_secret,
       p.suspended_from_above, p.suspended_here, p.hosting, p.hosting_reason, p.with_enterprise, p.suffix_rule_id,
       p.limited, p.version, p.created_at, p.updated_at,
       e.name AS enterprise_name, e.credit_code, e.other_certificate, e.state AS enterprise_state, e.enterprise_number
FROM prefix p JOIN enterprise e ON e.enterprise_id = p.enterprise_id
WHERE ($1::uuid IS NULL OR p.enterprise_id = $1) AND ($2::text IS NULL OR position($2 IN e.name) > 0)
      AND ($3::text IS NULL OR position($3 IN p.prefix) > 0)
      AND ($4::timestamptz IS NULL OR p.created_at >= $4) AND ($5::timestamptz IS NULL OR p.created_at <= $5)
ORDER BY p.prefix_id DESC OFFSET $6 LIMIT $7

-- name: count_prefixes
-- How many such pages have together.
SELECT count(*) FROM prefix p JOIN enterprise e ON e.enterprise_id = p.enterprise_id
WHERE ($1::uuid IS NULL OR p.enterprise_id = $1) AND ($2::text IS NULL OR position($2 IN e.name) > 0)
      AND ($3::text IS NULL OR position($3 IN p.prefix) > 0)
      AND ($4::timestamptz IS NULL OR p.created_at >= $4) AND ($5::timestamptz IS NULL OR p.created_at <= $5)

-- name: announce
-- Tell every resolver, at commit.
SELECT pg_notify($1, $2)

-- Accounts and tokens -------------------------------------------------------------------------------

-- name: add_account
-- Names are unique whatever their case: account_name_unique.
INSERT INTO account (account_id, name, role, enterprise_id, password_hash, state, created_at, updated_at,
                     password_form, verifier, personal, email_digest, mobile_digest, remarks, password_set_at)
VALUES ($1, $2, $3, $4, $5, 'active', $6, $6, $7, $8, $9, $10, $11, $12, $6)

-- name: find_account
-- One account as it stands.
SELECT account_id, name, role, enterprise_id, password_hash, state, failures, locked_until, created_at, updated_at,
       password_form, verifier, personal, remarks, password_set_at,
       EXISTS (SELECT FROM second_factor f WHERE f.account_id = account.account_id AND f.confirmed_at IS NOT NULL) AS second_factor
FROM account WHERE account_id = $1

-- name: find_account_by_name
-- The account that signs in.
SELECT account_id, name, role, enterprise_id, password_hash, state, failures, locked_until, created_at, updated_at,
       password_form, verifier, personal, remarks, password_set_at,
       EXISTS (SELECT FROM second_factor f WHERE f.account_id = account.account_id AND f.confirmed_at IS NOT NULL) AS second_factor
FROM account WHERE lower(name COLLATE "C") = lower($1::text COLLATE "C")

-- name: lock_account
-- The account for a change, or for the moment of signing in.
SELECT account_id, name, role, enterprise_id, password_hash, state, failures, locked_until, created_at, updated_at,
       password_form, verifier, personal, remarks, password_set_at,
       EXISTS (SELECT FROM second_factor f WHERE f.account_id = account.account_id AND f.confirmed_at IS NOT NULL) AS second_factor
FROM account WHERE account_id = $1 FOR NO KEY UPDATE

-- name: list_accounts
-- By name, by keyset; of a part of the name, of a role, of an enterprise.
SELECT account_id, name, role, enterprise_id, password_hash, state, failures, locked_until, created_at, updated_at,
       password_form, verifier, personal, remarks, password_set_at,
       EXISTS (SELECT FROM second_factor f WHERE f.account_id = account.account_id AND f.confirmed_at IS NOT NULL) AS second_factor
FROM account
WHERE lower(name COLLATE "C") > $1 AND ($3::text IS NULL OR position(lower($3 COLLATE "C") IN lower(name COLLATE "C")) > 0)
      AND ($4::text IS NULL OR role = $4) AND ($5::uuid IS NULL OR enterprise_id = $5)
ORDER BY lower(name COLLATE "C") LIMIT $2

-- name: hold_first_administrator
-- Two first starts at once found one administrator: the second waits here.
SELECT pg_advisory_xact_lock($1)

-- name: any_administrator
-- Whether there is an administrator already, active or not; the Handle protocol's own account signs in nowhere.
SELECT EXISTS (SELECT FROM account WHERE role = 'administrator' AND password_hash IS NOT NULL)

-- name: lock_administrators
-- All active administrators who can sign in, so that the last two do not disable each other.
SELECT account_id FROM account WHERE role = 'administrator' AND state = 'active' AND password_hash IS NOT NULL
ORDER BY account_id FOR NO KEY UPDATE

-- name: change_account_state
-- Enabled or disabled; either way the count of failures begins anew.
UPDATE account SET state = $2, failures = 0, locked_until = NULL, updated_at = $3 WHERE account_id = $1

-- name: change_password
-- A new password; the count of failures begins anew.
UPDATE account SET password_hash = $2, failures = 0, locked_until = NULL, updated_at = $3, password_form = $4,
       verifier = $5, password_set_at = $3
WHERE account_id = $1

-- name: count_failure
-- One wrong password; the last one of a row locks the account and begins a new row.
UPDATE account SET failures = CASE WHEN failures + 1 < $3 THEN failures + 1 ELSE 0 END,
       locked_until = CASE WHEN failures + 1 < $3 THEN locked_until ELSE $4 END
WHERE account_id = $1 AND (locked_until IS NULL OR locked_until <= $2)
RETURNING locked_until

-- name: forget_failures
-- A right password ends the row of wrong ones.
UPDATE account SET failures = 0, locked_until = NULL WHERE account_id = $1 AND failures > 0

-- name: add_token
-- Only the hash of the secret is kept.
INSERT INTO token (token_id, account_id, label, secret_hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)

-- name: accounts_of_tokens
-- Everything that authentication needs, of all requests that came meanwhile.
SELECT t.token_id, t.secret_hash, t.expires_at, t.revoked_at, a.account_id, a.name, a.role, a.enterprise_id, a.state,
       s.last_seen
FROM token t JOIN account a ON a.account_id = t.account_id LEFT JOIN console_session s ON s.token_id = t.token_id
WHERE t.token_id = ANY ($1::uuid[])

-- name: lock_token
-- The token for its revocation.
SELECT token_id, account_id, label, created_at, expires_at, revoked_at FROM token WHERE token_id = $1
FOR NO KEY UPDATE

-- name: list_tokens
-- An account's tokens, newest first, by keyset: the ids grow with time.
SELECT t.token_id, t.account_id, t.label, t.created_at, t.expires_at, t.revoked_at, s.source, s.user_agent, s.last_seen
FROM token t LEFT JOIN console_session s ON s.token_id = t.token_id
WHERE t.account_id = $1 AND t.token_id < $2 ORDER BY t.token_id DESC LIMIT $3

-- name: revoke_token
-- For ever.
UPDATE token SET revoked_at = $2 WHERE token_id = $1

-- name: revoke_tokens_of_account
-- After a change of password every token is void.
UPDATE token SET revoked_at = $2 WHERE account_id = $1 AND revoked_at IS NULL AND expires_at > $2
