-- Resolutions by their sums and by what the digests of days say. Outcomes 1 (hit) and 2 (stale hit) are valid.
-- Of some prefixes and of the whole node are two statements each: what suits one is slow for the other.

-- name: frame_of_figures
-- What every answer says of itself: whether the node is a laboratory, since when it stands, the newest rule of a day.
SELECT laboratory, created_at, (SELECT max(rule_version) FROM counting_rule WHERE effective_day <= $1) AS rule_version
FROM node_state

-- name: prefixes_with_holders
-- Every prefix with the enterprise that holds it now; of one enterprise where $1 names it.
SELECT p.prefix, p.enterprise_id, e.name, e.industry_code
FROM prefix p JOIN enterprise e USING (enterprise_id)
WHERE p.state NOT IN ('rejected', 'refused') AND ($1::uuid IS NULL OR p.enterprise_id = $1)

-- name: resolution_minutes
-- The whole node by minute.
SELECT minute AS key, interface, outcome, sum(resolutions)::bigint AS resolutions FROM resolution_count
WHERE minute >= $1 AND minute < $2 AND resolutions > 0 GROUP BY 1, 2, 3

-- name: resolution_minutes_of_prefixes
-- Some prefixes by minute.
SELECT minute AS key, interface, outcome, sum(resolutions)::bigint AS resolutions FROM resolution_count
WHERE minute >= $1 AND minute < $2 AND prefix = ANY($3::text[]) AND resolutions > 0 GROUP BY 1, 2, 3

-- name: resolution_hours
-- The whole node by hour.
SELECT hour AS key, interface, outcome, resolutions FROM resolution_hour_total
WHERE hour >= $1 AND hour < $2 AND resolutions > 0

-- name: resolution_hours_of_prefixes
-- Some prefixes by hour.
SELECT hour AS key, interface, outcome, sum(resolutions)::bigint AS resolutions FROM resolution_hour
WHERE hour >= $1 AND hour < $2 AND prefix = ANY($3::text[]) AND resolutions > 0 GROUP BY 1, 2, 3

-- name: resolution_days
-- The whole node by day.
SELECT day AS key, interface, outcome, resolutions FROM resolution_total
WHERE day >= $1 AND day <= $2 AND resolutions > 0

-- name: resolution_days_of_prefixes
-- Some prefixes by day.
SELECT day AS key, interface, outcome, sum(resolutions)::bigint AS resolutions FROM resolution_day
WHERE day >= $1 AND day <= $2 AND prefix = ANY($3::text[]) AND resolutions > 0 GROUP BY 1, 2, 3

-- name: resolutions_by_prefix
-- The whole node by prefix: whole months from $1 to before $2, days from $3 to before $1 and from $2 to before $4.
-- The empty prefix is what was asked under none of ours.
SELECT prefix AS key, sum(resolutions)::bigint AS raw,
       coalesce(sum(resolutions) FILTER (WHERE outcome IN (1, 2)), 0)::bigint AS valid
FROM (
    SELECT prefix, interface, outcome, resolutions FROM resolution_month WHERE month >= $1 AND month < $2
    UNION ALL
    SELECT prefix, interface, outcome, resolutions FROM resolution_day WHERE day >= $3 AND day < $1
    UNION ALL
    SELECT prefix, interface, outcome, resolutions FROM resolution_day WHERE day >= $2 AND day < $4
) AS counted
WHERE ($5::smallint IS NULL OR interface = $5) AND ($6::smallint IS NULL OR outcome = $6)
GROUP BY 1 HAVING sum(resolutions) > 0

-- name: resolutions_of_prefixes
-- Some prefixes, each by itself; months and days likewise.
SELECT prefix AS key, sum(resolutions)::bigint AS raw,
       coalesce(sum(resolutions) FILTER (WHERE outcome IN (1, 2)), 0)::bigint AS valid
FROM (
    SELECT prefix, interface, outcome, resolutions FROM resolution_month
    WHERE month >= $1 AND month < $2 AND prefix = ANY($7::text[])
    UNION ALL
    SELECT prefix, interface, outcome, resolutions FROM resolution_day
    WHERE day >= $3 AND day < $1 AND prefix = ANY($7::text[])
    UNION ALL
    SELECT prefix, interface, outcome, resolutions FROM resolution_day
    WHERE day >= $2 AND day < $4 AND prefix = ANY($7::text[])
) AS counted
WHERE ($5::smallint IS NULL OR interface = $5) AND ($6::smallint IS NULL OR outcome = $6)
GROUP BY 1 HAVING sum(resolutions) > 0

-- name: digested_days
-- What digests say by day, of some prefixes or of the whole node (the empty prefix).
SELECT day AS key, sum(valid)::bigint AS examined, sum(deduplicated)::bigint AS deduplicated,
       sum(flagged)::bigint AS flagged
FROM resolution_digest WHERE day >= $1 AND day <= $2 AND prefix = ANY($3::text[]) GROUP BY 1

-- name: digested_prefixes
-- What digests say by prefix, of all: months and days as above.
SELECT prefix AS key, sum(examined)::bigint AS examined, sum(deduplicated)::bigint AS deduplicated,
       sum(flagged)::bigint AS flagged
FROM (
    SELECT prefix, examined, deduplicated, flagged FROM digest_month WHERE month >= $1 AND month < $2
    UNION ALL
    SELECT prefix, valid, deduplicated, flagged FROM resolution_digest WHERE day >= $3 AND day < $1
    UNION ALL
    SELECT prefix, valid, deduplicated, flagged FROM resolution_digest WHERE day >= $2 AND day < $4
) AS digested
WHERE prefix <> '' GROUP BY 1

-- name: digested_of_prefixes
-- What digests say by prefix, of some.
SELECT prefix AS key, sum(examined)::bigint AS examined, sum(deduplicated)::bigint AS deduplicated,
       sum(flagged)::bigint AS flagged
FROM (
    SELECT prefix, examined, deduplicated, flagged FROM digest_month
    WHERE month >= $1 AND month < $2 AND prefix = ANY($5::text[])
    UNION ALL
    SELECT prefix, valid, deduplicated, flagged FROM resolution_digest
    WHERE day >= $3 AND day < $1 AND prefix = ANY($5::text[])
    UNION ALL
    SELECT prefix, valid, deduplicated, flagged FROM resolution_digest
    WHERE day >= $2 AND day < $4 AND prefix = ANY($5::text[])
) AS digested
GROUP BY 1

-- name: digests_to_merge
-- How many digests a view would have to look through.
SELECT count(*) FROM resolution_digest WHERE day >= $1 AND day <= $2 AND prefix = ANY($3::text[])

-- name: digest_contents
-- Digests of days without their sketches, which are most of their bytes.
SELECT day, content, ''::bytea AS clients, ''::bytea AS identifiers
FROM resolution_digest WHERE day >= $1 AND day <= $2 AND prefix = ANY($3::text[]) ORDER BY day

-- name: digests_with_sketches
-- Whole digests of days.
SELECT day, content, clients, identifiers
FROM resolution_digest WHERE day >= $1 AND day <= $2 AND prefix = ANY($3::text[]) ORDER BY day

-- name: counting_gaps
-- When resolutions may have gone uncounted, the newest first, by keyset.
SELECT gap_id, recorder_id, boot_id, cause, began_at, ended_at, noted_at FROM counting_gap
WHERE ended_at >= $1 AND began_at < $2 AND gap_id < $3 ORDER BY gap_id DESC LIMIT $4

-- name: resolutions_ever
-- Everything that was ever counted.
SELECT coalesce(sum(resolutions), 0)::bigint AS raw,
       coalesce(sum(resolutions) FILTER (WHERE outcome IN (1, 2)), 0)::bigint AS valid
FROM resolution_total

-- name: resolutions_ever_of_prefixes
-- The same of some prefixes.
SELECT coalesce(sum(resolutions), 0)::bigint AS raw,
       coalesce(sum(resolutions) FILTER (WHERE outcome IN (1, 2)), 0)::bigint AS valid
FROM resolution_month WHERE prefix = ANY($1::text[])
