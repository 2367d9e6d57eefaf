-- Quotas, usage, fee plans, orders and statements.

-- Quotas --------------------------------------------------------------------------------------------

-- name: find_quota
-- The quota of a prefix with what was counted.
SELECT identifiers, daily_registrations, registered, day, registered_today, version, created_at, updated_at
FROM prefix_quota WHERE prefix_id = $1

-- name: set_quota
-- Bounds anew, for a prefix that the transaction has locked; what stands is counted anew too.
INSERT INTO prefix_quota AS quota (prefix_id, identifiers, daily_registrations, registered, version, created_at, updated_at)
VALUES ($1, $2, $3, (SELECT count(*) FROM identifier WHERE prefix_id = $1), $4, $5, $5)
ON CONFLICT (prefix_id) DO UPDATE
SET identifiers = excluded.identifiers, daily_registrations = excluded.daily_registrations,
    registered = excluded.registered, version = excluded.version, updated_at = excluded.updated_at

-- name: remove_quota
-- No bound any more, for a prefix that the transaction has locked.
DELETE FROM prefix_quota WHERE prefix_id = $1

-- name: mark_limited
-- Whether registrations have to look for a quota.
UPDATE prefix SET limited = $2 WHERE prefix_id = $1

-- Usage ---------------------------------------------------------------------------------------------

-- name: registrations_of_enterprise
-- Days of China, the first and the last included, as they are tallied under the prefixes that the enterprise holds now.
SELECT day, sum(registered)::bigint AS registrations, sum(updated)::bigint AS changes, sum(deleted)::bigint AS deletions
FROM registration_by_day
WHERE day BETWEEN $2 AND $3 AND prefix_id IN (SELECT prefix_id FROM prefix WHERE enterprise_id = $1)
GROUP BY day

-- name: resolutions_of_enterprise
-- Days of China as they are summed up, the first and the last included; answered resolutions: hits (1), stale ones (2),
-- confirmed copies (6).
SELECT day, sum(resolutions)::bigint AS resolutions
FROM resolution_day
WHERE day BETWEEN $2 AND $3 AND outcome IN (1, 2, 6)
      AND prefix IN (SELECT prefix FROM prefix WHERE enterprise_id = $1 AND state NOT IN ('rejected', 'refused'))
GROUP BY day

-- Fee plans -----------------------------------------------------------------------------------------

-- name: add_plan
-- A draft; its name is the node's only one or fee_plan_name_unique refuses it.
INSERT INTO fee_plan (name, definition, state, created_at, updated_at) VALUES ($1, $2::jsonb, $3, $4, $4)
RETURNING fee_plan_id

-- name: find_plan
-- One plan as it stands.
SELECT fee_plan_id, name, definition, state, version, created_at, updated_at FROM fee_plan WHERE fee_plan_id = $1

-- name: lock_plan
-- The same for a change.
SELECT fee_plan_id, name, definition, state, version, created_at, updated_at
FROM fee_plan WHERE fee_plan_id = $1 FOR NO KEY UPDATE

-- name: share_plan
-- The same for an order, which needs it to stay offered.
SELECT fee_plan_id, name, definition, state, version, created_at, updated_at
FROM fee_plan WHERE fee_plan_id = $1 FOR SHARE

-- name: list_plans
-- In the order of creation, by keyset.
SELECT fee_plan_id, name, definition, state, version, created_at, updated_at
FROM fee_plan WHERE fee_plan_id > $1::bigint AND ($2::text IS NULL OR state = $2)
ORDER BY fee_plan_id LIMIT $3

-- name: change_plan
-- Another definition or state for a row that the transaction has locked.
UPDATE fee_plan SET name = $2, definition = $3::jsonb, state = $4, version = $5, updated_at = $6 WHERE fee_plan_id = $1

-- Orders --------------------------------------------------------------------------------------------

-- name: add_order
-- An order with the terms as they are offered now.
INSERT INTO plan_order (plan_order_id, enterprise_id, fee_plan_id, terms, state, begins_on, ends_on, created_at, updated_at)
VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7, $8, $8)

-- name: find_order
-- One order with the name of its plan.
SELECT o.plan_order_id, o.enterprise_id, o.fee_plan_id, p.name AS plan, o.terms, o.state, o.begins_on, o.ends_on, o.reason,
       o.version, o.created_at, o.updated_at
FROM plan_order o JOIN fee_plan p USING (fee_plan_id) WHERE o.plan_order_id = $1

-- name: lock_order
-- The same for a change.
SELECT o.plan_order_id, o.enterprise_id, o.fee_plan_id, p.name AS plan, o.terms, o.state, o.begins_on, o.ends_on, o.reason,
       o.version, o.created_at, o.updated_at
FROM plan_order o JOIN fee_plan p USING (fee_plan_id) WHERE o.plan_order_id = $1 FOR NO KEY UPDATE OF o

-- name: list_orders
-- In the order of placing, by keyset: the ids grow with time.
SELECT o.plan_order_id, o.enterprise_id, o.fee_plan_id, p.name AS plan, o.terms, o.state, o.begins_on, o.ends_on, o.reason,
       o.version, o.created_at, o.updated_at
FROM plan_order o JOIN fee_plan p USING (fee_plan_id)
WHERE o.plan_order_id > $1 AND ($2::uuid IS NULL OR o.enterprise_id = $2) AND ($3::text IS NULL OR o.state = $3)
ORDER BY o.plan_order_id LIMIT $4

-- name: hold_orders_of_enterprise
-- Whoever confirms an order of an enterprise comes one after the other.
SELECT pg_advisory_xact_lock(hashtextextended('orders of ' || $1::uuid, 0))

-- name: orders_in_force
-- The orders of an enterprise that hold on some day from $2 to $3, ended ones up to their end.
SELECT o.plan_order_id, o.enterprise_id, o.fee_plan_id, p.name AS plan, o.terms, o.state, o.begins_on, o.ends_on, o.reason,
       o.version, o.created_at, o.updated_at
FROM plan_order o JOIN fee_plan p USING (fee_plan_id)
WHERE o.enterprise_id = $1 AND o.state IN ('confirmed', 'ended') AND o.begins_on <= $3 AND o.ends_on >= $2
ORDER BY o.begins_on, o.plan_order_id

-- name: change_order
-- Another state, last day or reason for a row that the transaction has locked.
UPDATE plan_order SET state = $2, ends_on = $3, reason = $4, version = $5, updated_at = $6 WHERE plan_order_id = $1

-- Statements ----------------------------------------------------------------------------------------

-- name: add_statement
-- The first one stands; a second one of the same month writes nothing.
INSERT INTO usage_statement (enterprise_id, month, content, drawn_up_at) VALUES ($1, $2, $3::jsonb, $4)
ON CONFLICT DO NOTHING RETURNING drawn_up_at

-- name: find_statement
-- What was drawn up.
SELECT enterprise_id, month, content, drawn_up_at FROM usage_statement WHERE enterprise_id = $1 AND month = $2

-- name: list_statements
-- The newest months of an enterprise first, by keyset.
SELECT enterprise_id, month, content, drawn_up_at FROM usage_statement
WHERE enterprise_id = $1 AND month < $2 ORDER BY month DESC LIMIT $3

-- name: statements_due
-- Enterprises with an order in force in a month, and no statement of it.
SELECT DISTINCT o.enterprise_id FROM plan_order o
WHERE o.state IN ('confirmed', 'ended') AND o.begins_on <= $2 AND o.ends_on >= $1
      AND NOT EXISTS (SELECT FROM usage_statement s WHERE s.enterprise_id = o.enterprise_id AND s.month = $1)
ORDER BY o.enterprise_id
