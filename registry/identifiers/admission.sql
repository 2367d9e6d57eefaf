-- What may be registered under a prefix that has a suffix rule or a quota; the others are never looked up here.

-- name: suffix_rule_of_prefix
-- The definition of the rule that new suffixes have to obey.
SELECT definition FROM coding_rule WHERE coding_rule_id = $1

-- name: hold_quota
-- The quota of a prefix, before anything is written: whoever registers under it waits for the one before.
SELECT identifiers, daily_registrations, registered, day, registered_today
FROM prefix_quota WHERE prefix_id = $1 FOR NO KEY UPDATE

-- name: see_quota
-- The same without holding it.
SELECT identifiers, daily_registrations, registered, day, registered_today FROM prefix_quota WHERE prefix_id = $1

-- name: count_registrations
-- Identifiers that are new, and registrations of a day with those that stand again, on a row that is held.
UPDATE prefix_quota SET registered = registered + $2, day = $3,
       registered_today = CASE WHEN day = $3 THEN registered_today ELSE 0 END + $4
WHERE prefix_id = $1
