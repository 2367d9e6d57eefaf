-- The statements of transfers.

-- name: add_transfer
-- An offer; prefix_transfer_open_unique refuses a second one of the same prefix.
INSERT INTO prefix_transfer (prefix_transfer_id, prefix_id, from_enterprise_id, to_enterprise_id, state, reason,
                             created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7)

-- name: find_transfer
-- One transfer as it stands.
SELECT t.prefix_transfer_id, t.prefix_id, p.prefix, t.from_enterprise_id, f.name AS from_enterprise_name,
       t.to_enterprise_id, r.name AS to_enterprise_name, t.state, t.reason, t.version, t.created_at, t.updated_at
FROM prefix_transfer t JOIN prefix p ON p.prefix_id = t.prefix_id
JOIN enterprise f ON f.enterprise_id = t.from_enterprise_id
JOIN enterprise r ON r.enterprise_id = t.to_enterprise_id
WHERE t.prefix_transfer_id = $1

-- name: lock_transfer
-- The same for a change; it is locked last, after the enterprises and the prefix.
SELECT t.prefix_transfer_id, t.prefix_id, p.prefix, t.from_enterprise_id, f.name AS from_enterprise_name,
       t.to_enterprise_id, r.name AS to_enterprise_name, t.state, t.reason, t.version, t.created_at, t.updated_at
FROM prefix_transfer t JOIN prefix p ON p.prefix_id = t.prefix_id
JOIN enterprise f ON f.enterprise_id = t.from_enterprise_id
JOIN enterprise r ON r.enterprise_id = t.to_enterprise_id
WHERE t.prefix_transfer_id = $1 FOR UPDATE OF t

-- name: list_transfers
-- Oldest first, by keyset: the ids grow with time. An enterprise sees what it gives and what it is offered.
SELECT t.prefix_transfer_id, t.prefix_id, p.prefix, t.from_enterprise_id, f.name AS from_enterprise_name,
       t.to_enterprise_id, r.name AS to_enterprise_name, t.state, t.reason, t.version, t.created_at, t.updated_at
FROM prefix_transfer t JOIN prefix p ON p.prefix_id = t.prefix_id
JOIN enterprise f ON f.enterprise_id = t.from_enterprise_id
JOIN enterprise r ON r.enterprise_id = t.to_enterprise_id
WHERE t.prefix_transfer_id > $1 AND ($2::text IS NULL OR t.state = $2)
      AND ($3::uuid IS NULL OR t.from_enterprise_id = $3 OR t.to_enterprise_id = $3)
ORDER BY t.prefix_transfer_id LIMIT $4

-- name: change_transfer
-- A new state for a row that the transaction has locked.
UPDATE prefix_transfer SET state = $2, reason = $3, version = $4, updated_at = $5 WHERE prefix_transfer_id = $1

-- name: share_parties
-- Giver and receiver, in one order whoever gives to whom, before any prefix is locked.
SELECT enterprise_id, name, state FROM enterprise WHERE enterprise_id = ANY ($1::uuid[]) ORDER BY enterprise_id FOR SHARE

-- name: hand_over
-- The prefix belongs to the receiver, without what the giver had said of it.
UPDATE prefix SET enterprise_id = $2, suffix_rule_id = NULL, limited = false, version = $3, updated_at = $4
WHERE prefix_id = $1

-- name: pass_account_on
-- The account by which the Handle protocol acts under a prefix, if there is one; nobody signs in with it.
UPDATE account SET enterprise_id = $2, updated_at = $3
WHERE lower(name COLLATE "C") = lower($1::text COLLATE "C") AND role = 'application' AND password_hash IS NULL
RETURNING account_id

-- name: forget_policies
-- What the Handle protocol may register is said anew for the receiver.
DELETE FROM handle_policy WHERE prefix_id = ANY ($1::integer[])

-- name: forget_quotas
-- How much may be registered is agreed anew with the receiver.
DELETE FROM prefix_quota WHERE prefix_id = ANY ($1::integer[])

-- name: forget_grants
-- What the giver let others read or write of single identifiers.
DELETE FROM data_grant WHERE prefix_id = ANY ($1::integer[])

-- name: leave_templates_usable
-- Templates of the giver by which identifiers of these prefixes were registered: the receiver may go on using them.
INSERT INTO template_grant (enterprise_id, name, grantee, created_at)
SELECT DISTINCT t.enterprise_id, t.name, $3::text, $4::timestamptz FROM template t
WHERE t.enterprise_id = $2 AND EXISTS (
    SELECT FROM identifier i WHERE i.prefix_id = ANY ($1::integer[]) AND i.template_id = t.template_id)
ON CONFLICT DO NOTHING
