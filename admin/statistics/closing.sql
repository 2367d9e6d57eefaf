-- Closed days.

-- name: close_alone
-- One closing after the other: each names the one before it.
SELECT pg_advisory_xact_lock(1935830383)

-- name: days_to_close
-- Days up to one that were never closed, from the first with figures on, or whose figures changed since.
WITH first AS (
    SELECT least((SELECT min(day) FROM resolution_day),
                 (SELECT (created_at AT TIME ZONE INTERVAL '08:00')::date FROM node_state)) AS day
)
SELECT every.day::date AS day
FROM first CROSS JOIN LATERAL generate_series(first.day, $1::date, INTERVAL '1 day') AS every (day)
WHERE NOT EXISTS (SELECT FROM day_closing c WHERE c.day = every.day)
UNION
SELECT day FROM day_to_close WHERE day <= $1
ORDER BY day

-- name: take_mark
-- Before the figures are read: what changes them after this marks the day again.
DELETE FROM day_to_close WHERE day = $1

-- name: waits_to_be_summed
-- Whether hours of a day were written since they were summed.
SELECT EXISTS (SELECT FROM hour_to_sum WHERE hour >= $1 AND hour < $2)

-- name: last_closing
-- The one that the next follows.
SELECT day, edition, sha256 FROM day_closing ORDER BY closing_id DESC LIMIT 1

-- name: newest_edition
-- Of one day.
SELECT day, edition, figures, sha256, rule_version, reason, closed_at
FROM day_closing WHERE day = $1 ORDER BY edition DESC LIMIT 1

-- name: add_closing
-- Never changed afterwards.
INSERT INTO day_closing (day, edition, figures, sha256, rule_version, reason, closed_at)
VALUES ($1, $2, $3::jsonb, $4, $5, $6, $7)

-- name: closings
-- Every edition of some days.
SELECT day, edition, figures, sha256, rule_version, reason, closed_at
FROM day_closing WHERE day >= $1 AND day < $2 ORDER BY day, edition

-- name: newest_closings
-- The newest edition of each of some days.
SELECT DISTINCT ON (day) day, edition, figures, sha256, rule_version, reason, closed_at
FROM day_closing WHERE day >= $1 AND day < $2 ORDER BY day, edition DESC

-- name: sums_of_day
-- What the counters say of a day.
SELECT prefix, interface, outcome, resolutions FROM resolution_day WHERE day = $1 AND resolutions > 0

-- name: digests_of_day
-- What the event files of every recorder say of a day, about all prefixes.
SELECT recorder_id, content, clients, identifiers FROM resolution_digest
WHERE day = $1 AND prefix = '' AND events > 0 ORDER BY recorder_id

-- name: gaps_of_day
-- When something may have gone uncounted.
SELECT cause, boot_id::text, to_char(began_at AT TIME ZONE INTERVAL '08:00', 'YYYY-MM-DD"T"HH24:MI:SS.US+08:00') AS began_at,
       to_char(ended_at AT TIME ZONE INTERVAL '08:00', 'YYYY-MM-DD"T"HH24:MI:SS.US+08:00') AS ended_at
FROM counting_gap AS gap
WHERE gap.began_at < $2 AND gap.ended_at >= $1 ORDER BY gap.began_at, gap.boot_id, cause

-- name: evidence_of_day
-- The sealed event files.
SELECT sha256, events FROM evidence_segment WHERE day = $1 ORDER BY boot_id, number

-- name: registrations_of_day
-- Of all prefixes.
SELECT coalesce(sum(registered), 0)::bigint AS registered,
       coalesce(sum(first_registered), 0)::bigint AS first_registered,
       coalesce(sum(updated), 0)::bigint AS updated, coalesce(sum(deleted), 0)::bigint AS deleted,
       coalesce(sum(suspended), 0)::bigint AS suspended, coalesce(sum(resumed), 0)::bigint AS resumed
FROM registration_by_day WHERE day = $1

-- name: laboratory
-- Whether everything counted here is 实验数据.
SELECT laboratory FROM node_state
