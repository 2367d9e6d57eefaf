-- By what rule a day is counted.

-- name: record_rules_alone
-- Two stewards that start together record one rule, not two.
SELECT pg_advisory_xact_lock(1935830382)

-- name: list_rules
-- All, the newest first.
SELECT rule_version, effective_day, definition, recorded_at FROM counting_rule ORDER BY rule_version DESC

-- name: rule_of_day
-- The newest that was recorded before its day ended; one entered for days that had passed is none.
SELECT rule_version, effective_day, definition, recorded_at FROM counting_rule
WHERE effective_day <= $1 AND (recorded_at AT TIME ZONE INTERVAL '08:00')::date <= effective_day
ORDER BY rule_version DESC LIMIT 1

-- name: add_rule
-- Never changed afterwards.
INSERT INTO counting_rule (rule_version, effective_day, definition, recorded_at) VALUES ($1, $2, $3::jsonb, $4)
