-- What a count done again is compared with, and what --correct writes.

-- name: minutes_of_day
-- By process start, as it was told.
SELECT boot_id, minute, prefix, interface, outcome, resolutions
FROM resolution_count WHERE minute >= $1 AND minute < $2 AND resolutions <> 0

-- name: hours_of_day
-- As they were summed.
SELECT hour, prefix, interface, outcome, resolutions
FROM resolution_hour WHERE hour >= $1 AND hour < $2 AND resolutions <> 0

-- name: boots_elsewhere
-- Whose event files are in another folder, by what that folder's keeper registered.
SELECT DISTINCT boot_id, recorder_id FROM evidence_segment WHERE recorder_id <> $1
UNION SELECT boot_id, recorder_id FROM counting_gap WHERE recorder_id <> $1 AND cause NOT IN ('late', 'no_evidence')

-- name: registrations_by_prefix
-- As transactions told them.
SELECT day, prefix_id, sum(registered)::bigint AS registered, sum(first_registered)::bigint AS first_registered,
       sum(updated)::bigint AS updated, sum(deleted)::bigint AS deleted, sum(suspended)::bigint AS suspended,
       sum(resumed)::bigint AS resumed
FROM registration_by_day WHERE day BETWEEN $1 AND $2
GROUP BY day, prefix_id

-- name: prefix_names
-- For people.
SELECT prefix_id, prefix FROM prefix

-- name: others_of_day
-- Machines that sealed event files of a day in another folder.
SELECT DISTINCT recorder_id FROM evidence_segment WHERE day = $1 AND recorder_id <> $2

-- name: gaps_between
-- Of every process start.
SELECT boot_id, cause, began_at, ended_at FROM counting_gap WHERE began_at < $2 AND ended_at >= $1

-- name: closing_acts
-- What the journal says was closed of a day.
SELECT after FROM act_history
WHERE subject_kind = $1 AND action = ANY ($2::text[]) AND subject_id = $3 ORDER BY act_id

-- name: rule_acts
-- What the journal says was recorded as rules.
SELECT subject_id, after FROM act_history WHERE subject_kind = $1 AND action = $2 ORDER BY act_id

-- name: unclosed
-- Whether a day of the node has no closing.
SELECT NOT EXISTS (SELECT FROM day_closing WHERE day = $1)
       AND $1 >= (SELECT (created_at AT TIME ZONE INTERVAL '08:00')::date FROM node_state)

-- name: closing_known
-- Whether there is, or was meant to be, such a closing.
SELECT EXISTS (SELECT FROM day_closing WHERE day = $1 AND edition = $2 AND sha256 = $3)

-- name: correct_minutes
-- Each total as the event files have it; 0 where they have nothing.
INSERT INTO resolution_count (boot_id, minute, prefix, interface, outcome, resolutions)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::smallint[], $5::smallint[], $6::bigint[])
ON CONFLICT (boot_id, minute, prefix, interface, outcome) DO UPDATE SET resolutions = excluded.resolutions

-- name: mark_corrected_hours
-- All hours of the day are summed again.
INSERT INTO hour_to_sum (hour) SELECT generate_series($1::timestamptz, $1::timestamptz + INTERVAL '23 hours', INTERVAL '1 hour')
ON CONFLICT (hour) DO UPDATE SET hour = excluded.hour

-- name: correct_registrations
-- What history says more or less than the tallies, under the template that has most of the prefix on that day.
INSERT INTO registration_tally (at, prefix_id, template_id, registered, first_registered, updated, deleted, suspended, resumed)
SELECT $1, d.prefix_id,
       coalesce((SELECT r.template_id FROM registration_by_day r WHERE r.day = $2 AND r.prefix_id = d.prefix_id
                 ORDER BY r.registered DESC LIMIT 1),
                (SELECT min(i.template_id) FROM identifier i WHERE i.prefix_id = d.prefix_id), 0),
       d.registered, d.first_registered, d.updated, d.deleted, d.suspended, d.resumed
FROM unnest($3::integer[], $4::integer[], $5::integer[], $6::integer[], $7::integer[], $8::integer[], $9::integer[])
     AS d (prefix_id, registered, first_registered, updated, deleted, suspended, resumed)

-- name: lock_months
-- Whoever keeps digests or sums tallies adds to them: a sum made anew must not miss one that is being added.
LOCK TABLE digest_month, registration_month IN SHARE ROW EXCLUSIVE MODE

-- name: correct_hour_totals
-- The whole node in the hours from $1 to before $2, as its prefixes have it.
INSERT INTO resolution_hour_total (hour, interface, outcome, resolutions)
SELECT hour, interface, outcome, sum(resolutions)::bigint
FROM (SELECT hour, interface, outcome, resolutions FROM resolution_hour WHERE hour >= $1 AND hour < $2
      UNION ALL SELECT hour, interface, outcome, 0 FROM resolution_hour_total WHERE hour >= $1 AND hour < $2) AS counted
GROUP BY hour, interface, outcome
ON CONFLICT (hour, interface, outcome) DO UPDATE SET resolutions = excluded.resolutions

-- name: correct_total
-- The whole node on a day, as its prefixes have it.
INSERT INTO resolution_total (day, interface, outcome, resolutions)
SELECT $1, interface, outcome, sum(resolutions)::bigint
FROM (SELECT interface, outcome, resolutions FROM resolution_day WHERE day = $1
      UNION ALL SELECT interface, outcome, 0 FROM resolution_total WHERE day = $1) AS counted
GROUP BY interface, outcome
ON CONFLICT (day, interface, outcome) DO UPDATE SET resolutions = excluded.resolutions

-- name: correct_month
-- Prefixes in the month that begins on $1 and ends before $2, as their days have it.
INSERT INTO resolution_month (month, prefix, interface, outcome, resolutions)
SELECT $1, prefix, interface, outcome, sum(resolutions)::bigint
FROM (SELECT prefix, interface, outcome, resolutions FROM resolution_day WHERE day >= $1 AND day < $2
      UNION ALL SELECT prefix, interface, outcome, 0 FROM resolution_month WHERE month = $1) AS counted
GROUP BY prefix, interface, outcome
ON CONFLICT (month, prefix, interface, outcome) DO UPDATE SET resolutions = excluded.resolutions

-- name: correct_digest_month
-- Likewise what digests say.
INSERT INTO digest_month (month, prefix, examined, deduplicated, flagged)
SELECT $1, prefix, sum(valid)::bigint, sum(deduplicated)::bigint, sum(flagged)::bigint
FROM (SELECT prefix, valid, deduplicated, flagged FROM resolution_digest WHERE day >= $1 AND day < $2
      UNION ALL SELECT prefix, 0, 0, 0 FROM digest_month WHERE month = $1) AS counted
GROUP BY prefix
ON CONFLICT (month, prefix) DO UPDATE
SET examined = excluded.examined, deduplicated = excluded.deduplicated, flagged = excluded.flagged

-- name: correct_registration_total
-- Registrations of the whole node (-1) and of each template on a day, as its prefixes have them.
INSERT INTO registration_total (template_id, day, registered, first_registered, updated, deleted, suspended, resumed,
                                moved_in, moved_out)
SELECT told.template_id, $1, sum(registered), sum(first_registered), sum(updated), sum(deleted), sum(suspended),
       sum(resumed), sum(moved_in), sum(moved_out)
FROM (SELECT template_id, registered, first_registered, updated, deleted, suspended, resumed, moved_in, moved_out
      FROM registration_day WHERE day = $1
      UNION ALL
      SELECT template_id, 0, 0, 0, 0, 0, 0, 0, 0 FROM registration_total WHERE day = $1) AS counted
CROSS JOIN LATERAL (VALUES (counted.template_id), (-1)) AS told (template_id)
GROUP BY told.template_id
ON CONFLICT (template_id, day) DO UPDATE
SET registered = excluded.registered, first_registered = excluded.first_registered, updated = excluded.updated,
    deleted = excluded.deleted, suspended = excluded.suspended, resumed = excluded.resumed,
    moved_in = excluded.moved_in, moved_out = excluded.moved_out

-- name: correct_registration_month
-- Those of prefixes and templates in the month that begins on $1 and ends before $2, as its days have them.
INSERT INTO registration_month (month, prefix_id, template_id, registered, first_registered, updated, deleted,
                                suspended, resumed, moved_in, moved_out)
SELECT $1, prefix_id, template_id, sum(registered), sum(first_registered), sum(updated), sum(deleted), sum(suspended),
       sum(resumed), sum(moved_in), sum(moved_out)
FROM (SELECT prefix_id, template_id, registered, first_registered, updated, deleted, suspended, resumed, moved_in,
             moved_out
      FROM registration_day WHERE day >= $1 AND day < $2
      UNION ALL
      SELECT prefix_id, template_id, 0, 0, 0, 0, 0, 0, 0, 0 FROM registration_month WHERE month = $1) AS counted
GROUP BY prefix_id, template_id
ON CONFLICT (month, prefix_id, template_id) DO UPDATE
SET registered = excluded.registered, first_registered = excluded.first_registered, updated = excluded.updated,
    deleted = excluded.deleted, suspended = excluded.suspended, resumed = excluded.resumed,
    moved_in = excluded.moved_in, moved_out = excluded.moved_out
