-- What the Handle protocol may register under a prefix, and what it has registered.

-- name: find_handle_policy
-- The policy of a prefix with the names of what it points at.
SELECT p.prefix_id, p.template_id, t.name AS template_name, t.template_version, p.coding_rule_id,
       c.name AS coding_rule_name, p.free_values, p.daily_requests, p.identifiers, p.derived_prefixes, p.request_day,
       p.requests, p.registered, p.version, p.created_at, p.updated_at
FROM handle_policy p
JOIN template t ON t.template_id = p.template_id
LEFT JOIN coding_rule c ON c.coding_rule_id = p.coding_rule_id
WHERE p.prefix_id = $1

-- name: lock_handle_policy
-- The same for a change; whoever counts meanwhile waits.
SELECT p.prefix_id, p.template_id, t.name AS template_name, t.template_version, p.coding_rule_id,
       c.name AS coding_rule_name, p.free_values, p.daily_requests, p.identifiers, p.derived_prefixes, p.request_day,
       p.requests, p.registered, p.version, p.created_at, p.updated_at
FROM handle_policy p
JOIN template t ON t.template_id = p.template_id
LEFT JOIN coding_rule c ON c.coding_rule_id = p.coding_rule_id
WHERE p.prefix_id = $1
FOR UPDATE OF p

-- name: add_handle_policy
-- The first policy of a prefix; a second one is refused by handle_policy_pkey.
INSERT INTO handle_policy (prefix_id, template_id, coding_rule_id, free_values, daily_requests, identifiers,
                           derived_prefixes, version, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)

-- name: change_handle_policy
-- Other terms in a row that the transaction has locked; what was counted stays.
UPDATE handle_policy
SET template_id = $2, coding_rule_id = $3, free_values = $4, daily_requests = $5, identifiers = $6,
    derived_prefixes = $7, version = $8, updated_at = $9
WHERE prefix_id = $1

-- name: remove_handle_policy
-- From now on the protocol registers nothing under the prefix.
DELETE FROM handle_policy WHERE prefix_id = $1

-- name: count_handle_request
-- One more request on a day ($2), with as many registrations ($3); on a new day counting begins anew.
UPDATE handle_policy
SET requests = CASE WHEN request_day = $2 THEN requests + 1 ELSE 1 END, request_day = $2, registered = registered + $3
WHERE prefix_id = $1
RETURNING requests, registered, daily_requests, identifiers
