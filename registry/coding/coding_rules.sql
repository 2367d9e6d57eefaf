-- Coding rules as stored, and the serial numbers that they give out.

-- name: add_coding_rule
-- A rule; its name is the enterprise's only one or coding_rule_name_unique refuses it.
INSERT INTO coding_rule (enterprise_id, name, definition, created_at, updated_at)
VALUES ($1, $2, $3::jsonb, $4, $4)
RETURNING coding_rule_id

-- name: find_coding_rule
-- One rule by its number.
SELECT coding_rule_id AS number, enterprise_id, name, definition, version, created_at, updated_at
FROM coding_rule WHERE coding_rule_id = $1

-- name: lock_coding_rule
-- The same for a change.
SELECT coding_rule_id AS number, enterprise_id, name, definition, version, created_at, updated_at
FROM coding_rule WHERE coding_rule_id = $1 FOR UPDATE

-- name: coding_rule_by_name
-- The rule that an enterprise means by a name: its own, or else the node's.
SELECT coding_rule_id AS number, enterprise_id, name, definition, version, created_at, updated_at
FROM coding_rule WHERE (enterprise_id = $1 OR enterprise_id IS NULL) AND name = $2
ORDER BY enterprise_id NULLS LAST LIMIT 1

-- name: place_of_enterprise
-- What the scope of a rule is compared with.
SELECT industry_code, division_code FROM enterprise WHERE enterprise_id = $1

-- name: list_coding_rules
-- In the order of creation, by keyset; with an enterprise's own those of the node.
SELECT coding_rule_id AS number, enterprise_id, name, definition, version, created_at, updated_at
FROM coding_rule
WHERE coding_rule_id > $1::bigint AND ($2::uuid IS NULL OR enterprise_id = $2 OR enterprise_id IS NULL)
ORDER BY coding_rule_id LIMIT $3

-- name: change_coding_rule
-- A new name and definition for a row that the transaction has locked.
UPDATE coding_rule SET name = $2, definition = $3::jsonb, version = $4, updated_at = $5 WHERE coding_rule_id = $1

-- name: remove_coding_rule
-- A rule that the transaction has locked; its counters stay and no other rule ever has its number.
DELETE FROM coding_rule WHERE coding_rule_id = $1

-- name: take_serials
-- The first of $4 numbers in a row that nobody else is given; $5 is where numbers begin. Whoever takes numbers of the
-- same counter waits for the commit, and a rollback gives them back.
INSERT INTO coding_serial AS counter (coding_rule_id, prefix_id, period, next_serial)
VALUES ($1, $2, $3, $5::bigint + $4::bigint)
ON CONFLICT (coding_rule_id, prefix_id, period)
DO UPDATE SET next_serial = greatest(counter.next_serial, $5::bigint) + $4::bigint
RETURNING next_serial - $4::bigint

-- name: put_back_serials
-- The next number again, for a counter that the transaction has just taken too many from.
UPDATE coding_serial SET next_serial = $4 WHERE coding_rule_id = $1 AND prefix_id = $2 AND period = $3

-- name: set_suffix_rule
-- The rule that new suffixes have to obey, on a row that the transaction has locked; null: none.
UPDATE prefix SET suffix_rule_id = $2, version = $3, updated_at = $4 WHERE prefix_id = $1

-- name: taken_suffixes
-- Which of these suffixes stand under a prefix already, in whatever state.
SELECT suffix_key FROM identifier WHERE prefix_id = $1 AND suffix_key = ANY($2::text[])
