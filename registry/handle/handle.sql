-- The statements of rights and prefix handles; the reader has no right to handle_secret.

-- name: records_of_prefix_handles
-- What the handles of prefixes say, of those that are in use; $2 is the node's own, which has no row of prefix.
SELECT h.prefix, h.record FROM prefix_handle h
WHERE h.prefix = ANY ($1::text[])
      AND (h.prefix = $2 OR EXISTS (SELECT FROM prefix p WHERE p.prefix = h.prefix AND p.state = 'enabled'))

-- name: records_of_identifiers
-- The records of live identifiers under prefixes in use: groups and keys may stand in any.
SELECT p.prefix, i.suffix_key, i.record
FROM unnest($1::text[], $2::text[]) AS wanted (prefix, suffix_key)
JOIN prefix p ON p.prefix = wanted.prefix AND p.state = 'enabled'
JOIN identifier i ON i.prefix_id = p.prefix_id AND i.suffix_key = wanted.suffix_key AND i.state = 1

-- name: secrets_of_prefix_handle
-- The secret keys of a prefix handle, to prove an identity or to change them; never to answer.
SELECT value_index, secret, created_at FROM handle_secret WHERE prefix = $1 ORDER BY value_index

-- name: begin_prefix_handle
-- The row to lock, where nothing was ever said of the prefix: version 0 with no values.
INSERT INTO prefix_handle (prefix, version, registered_at, updated_at, record) VALUES ($1, 0, $2, $2, '\x00000000')
ON CONFLICT (prefix) DO NOTHING

-- name: lock_prefix_handle
-- The record for a change.
SELECT version, record FROM prefix_handle WHERE prefix = $1 FOR NO KEY UPDATE

-- name: find_prefix_handle
-- The record as it stands.
SELECT version, record FROM prefix_handle WHERE prefix = $1

-- name: change_prefix_handle
-- A new version of a record that the transaction has locked.
UPDATE prefix_handle SET version = $2, record = $3, updated_at = $4 WHERE prefix = $1

-- name: forget_secrets
-- Secret keys that are removed or replaced leave nothing behind.
DELETE FROM handle_secret WHERE prefix = $1 AND value_index = ANY ($2::integer[])

-- name: add_secrets
-- New secret keys of a prefix handle.
INSERT INTO handle_secret (prefix, value_index, secret, created_at)
SELECT $1, given.value_index, given.secret, $4
FROM unnest($2::integer[], $3::bytea[]) AS given (value_index, secret)

-- name: add_account_of_prefix
-- Nobody signs in with it: it has no password. Whoever came first made it.
INSERT INTO account (account_id, name, role, enterprise_id, password_hash, state, created_at, updated_at)
VALUES ($1, $2, $3, $4, NULL, 'active', $5, $5)
ON CONFLICT (lower(name COLLATE "C")) DO NOTHING
RETURNING account_id

-- name: derived_prefix_limits
-- What the policies of a prefix and of those above it let it have below, and how much stands there; the nearest first.
SELECT a.prefix, h.derived_prefixes,
       (SELECT count(*) FROM prefix d
        WHERE d.prefix > a.prefix || '.' AND d.prefix < a.prefix || '/'
              AND d.state NOT IN ('rejected', 'refused', 'withdrawn')) AS derived
FROM prefix a JOIN handle_policy h ON h.prefix_id = a.prefix_id
WHERE a.prefix = ANY ($1::text[]) AND a.state NOT IN ('rejected', 'refused')
ORDER BY char_length(a.prefix) DESC

-- name: allot_prefix
-- A derived prefix is in use at once: its enterprise was reviewed, the prefix above it verified.
INSERT INTO prefix (prefix, enterprise_id, state, log_secret, hosting, created_at, updated_at)
VALUES ($1, $2, 'enabled', $3, $4, $5, $5)
RETURNING prefix_id

-- name: prefix_in_use
-- Whether anything stands below a prefix: identifiers, suspended ones too, or prefixes derived from it.
SELECT EXISTS (SELECT FROM identifier WHERE prefix_id = $1 AND state <> 2)
       OR EXISTS (SELECT FROM prefix d WHERE d.prefix > $2 || '.' AND d.prefix < $2 || '/'
                  AND d.state NOT IN ('rejected', 'refused', 'withdrawn'))

-- name: enabled_prefixes
-- Every prefix that is served here.
SELECT prefix FROM prefix WHERE state = 'enabled' ORDER BY prefix
