-- name: marks
-- The newest marked days and hours, so many of each.
(SELECT period, at, mark FROM count_to_state WHERE period = 'day' ORDER BY at DESC LIMIT $1)
UNION ALL
(SELECT period, at, mark FROM count_to_state WHERE period = 'hour' ORDER BY at DESC LIMIT $2)

-- name: marked
-- How many wait to be stated.
SELECT count(*) FROM count_to_state

-- name: take_marks_away
-- Those that were answered, unless they have been made anew meanwhile. Nobody is waited for: a mark that is held is
-- being made anew.
WITH answered AS (
    SELECT c.period, c.at
    FROM unnest($1::text[], $2::timestamptz[], $3::bigint[]) AS stated (period, at, mark)
    JOIN count_to_state c USING (period, at, mark)
    FOR UPDATE OF c SKIP LOCKED
)
DELETE FROM count_to_state c USING answered a WHERE (c.period, c.at) = (a.period, a.at)

-- name: registrations_of_days
-- Days of China as they are summed up and tallied, of the whole node.
SELECT day, sum(registered)::bigint AS registered, sum(updated)::bigint AS updated, sum(deleted)::bigint AS deleted,
       sum(suspended)::bigint AS suspended, sum(resumed)::bigint AS resumed
FROM registration_total_by_day
WHERE template_id = -1 AND day = ANY ($1::date[])
GROUP BY day

-- name: resolutions_of_days
-- Days of China as they are summed up, whatever process counted.
SELECT day, interface, outcome, resolutions FROM resolution_total
WHERE day = ANY ($1::date[]) ORDER BY day, interface, outcome

-- name: resolutions_of_hours
-- Likewise hours.
SELECT hour, interface, outcome, resolutions FROM resolution_hour_total
WHERE hour = ANY ($1::timestamptz[]) ORDER BY hour, interface, outcome

-- name: resolutions_of_minutes
-- The minutes of these hours, as long as they are kept.
SELECT minute, interface, outcome, sum(resolutions)::bigint AS resolutions
FROM unnest($1::timestamptz[]) AS stated (hour)
JOIN resolution_count ON minute >= stated.hour AND minute < stated.hour + INTERVAL '1 hour'
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
