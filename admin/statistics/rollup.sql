-- Sums of hours and days from minutes, and the end of old minutes.

-- name: sum_alone
-- One roll-up of a database at a time: two would each sum a day without what the other has not committed.
SELECT pg_advisory_xact_lock(1935830381)

-- name: take_marked_hours
-- A writer that marked one and has not committed is waited for; one that comes later marks it again.
WITH taken AS (SELECT hour FROM hour_to_sum ORDER BY hour LIMIT $1 FOR UPDATE)
DELETE FROM hour_to_sum USING taken WHERE hour_to_sum.hour = taken.hour
RETURNING hour_to_sum.hour

-- name: refuse_late
-- Minutes of these hours came after their neighbours were removed: a sum of them alone would be wrong.
WITH refused AS (
    DELETE FROM resolution_count USING unnest($1::timestamptz[]) AS late (hour)
    WHERE minute >= late.hour AND minute < late.hour + INTERVAL '1 hour'
    RETURNING boot_id, minute
)
INSERT INTO counting_gap (recorder_id, boot_id, cause, began_at, ended_at, noted_at)
SELECT coalesce((SELECT recorder_id FROM evidence_segment e WHERE e.boot_id = r.boot_id LIMIT 1),
                (SELECT node_id FROM node_state)),
       boot_id, 'late', min(minute), max(minute) + INTERVAL '1 minute', $2
FROM refused r
GROUP BY boot_id
ON CONFLICT ON CONSTRAINT counting_gap_once DO NOTHING

-- name: sum_hours
-- Each hour is replaced by the sum of its minutes; what has no minutes any more becomes 0.
WITH summed AS (
    SELECT marked.hour, c.prefix, c.interface, c.outcome, sum(c.resolutions)::bigint AS resolutions
    FROM unnest($1::timestamptz[]) AS marked (hour)
    JOIN resolution_count c ON c.minute >= marked.hour AND c.minute < marked.hour + INTERVAL '1 hour'
    GROUP BY 1, 2, 3, 4
    UNION ALL
    SELECT hour, prefix, interface, outcome, 0 FROM resolution_hour WHERE hour = ANY ($1::timestamptz[])
)
INSERT INTO resolution_hour AS known (hour, prefix, interface, outcome, resolutions)
SELECT hour, prefix, interface, outcome, sum(resolutions)::bigint FROM summed GROUP BY 1, 2, 3, 4
ON CONFLICT (hour, prefix, interface, outcome) DO UPDATE SET resolutions = excluded.resolutions
WHERE known.resolutions <> excluded.resolutions

-- name: sum_days
-- Likewise the days of China of the hours: whole, for a correction may lessen one hour and raise another.
WITH summed AS (
    SELECT changed.day, h.prefix, h.interface, h.outcome, sum(h.resolutions)::bigint AS resolutions
    FROM unnest($1::date[], $2::timestamptz[]) AS changed (day, midnight)
    JOIN resolution_hour h ON h.hour >= changed.midnight AND h.hour < changed.midnight + INTERVAL '24 hours'
    GROUP BY 1, 2, 3, 4
    UNION ALL
    SELECT day, prefix, interface, outcome, 0 FROM resolution_day WHERE day = ANY ($1::date[])
)
INSERT INTO resolution_day AS known (day, prefix, interface, outcome, resolutions)
SELECT day, prefix, interface, outcome, sum(resolutions)::bigint FROM summed GROUP BY 1, 2, 3, 4
ON CONFLICT (day, prefix, interface, outcome) DO UPDATE SET resolutions = excluded.resolutions
WHERE known.resolutions <> excluded.resolutions

-- name: mark_days_to_close
-- Locked even if it is marked already: a closing under way waits, or does not remove the mark.
INSERT INTO day_to_close (day) SELECT day FROM unnest($1::date[]) AS changed (day) WHERE day < $2 ORDER BY day
ON CONFLICT (day) DO UPDATE SET day = excluded.day

-- name: remove_old_minutes
-- Their hours and days stay.
DELETE FROM resolution_count
WHERE ctid = ANY (ARRAY(SELECT ctid FROM resolution_count WHERE minute < $1 LIMIT $2))

-- name: remove_old_keys
-- Nobody finds out any more whose addresses were hashed in a month so long ago.
DELETE FROM counting_key WHERE month < $1
