-- name: resolutions_of_days
-- What was counted on each day, and what of it is valid.
SELECT day, sum(resolutions)::bigint AS raw,
       coalesce(sum(resolutions) FILTER (WHERE outcome = ANY ($2::smallint[])), 0)::bigint AS valid
FROM resolution_total
WHERE day < $1
GROUP BY day
HAVING sum(resolutions) > 0;

-- name: registrations_of_days
-- What was registered for the first time on each day, and what of all identifiers it added.
SELECT day, sum(first_registered)::bigint AS first_registered, sum(registered - deleted)::bigint AS net
FROM registration_total_by_day
WHERE template_id = -1 AND day < $1
GROUP BY day;

-- name: digests_of_days
-- What the event files of all recorders say of each day: how many were repeated, how many are conspicuous.
SELECT day, sum(valid)::bigint AS valid, sum(deduplicated)::bigint AS deduplicated, sum(flagged)::bigint AS flagged
FROM resolution_digest
WHERE day < $1 AND prefix = ''
GROUP BY day;

-- name: closings_of_days
-- The newest edition of each closed day, and what it says of the figures that acceptance asks for.
SELECT DISTINCT ON (day) day, edition, sha256, (figures ->> 'valid')::bigint AS valid,
       (figures -> 'registrations' ->> 'first_registered')::bigint AS first_registered,
       (figures -> 'registrations' ->> 'net')::bigint AS net
FROM day_closing
WHERE day < $1
ORDER BY day, edition DESC;

-- name: gaps_before
-- When resolutions may have gone uncounted.
SELECT cause, began_at, ended_at
FROM counting_gap
WHERE began_at < $1
ORDER BY began_at, gap_id;

-- name: is_laboratory
-- Whether everything that this node says carries the mark of a laboratory.
SELECT laboratory
FROM node_state;
