-- Enterprises as they stand, and what changes since a day back into what stood then.

-- name: enterprises_standing
-- All, oldest first, as they stand now.
SELECT enterprise_id, name, industry_code, state, created_at FROM enterprise ORDER BY enterprise_number

-- name: prefixes_standing
-- All that were ever granted or asked for, as they stand now, with the record of their handle and the day of their
-- first registration, be it summed or not yet.
SELECT p.prefix_id, p.prefix, p.enterprise_id, p.state, p.hosting, p.created_at, h.record,
       least(summed.day, waiting.day) AS registered_on
FROM prefix p
LEFT JOIN prefix_handle h ON h.prefix = p.prefix
LEFT JOIN LATERAL (
    SELECT d.day FROM registration_day d WHERE d.prefix_id = p.prefix_id AND d.registered > 0 ORDER BY d.day LIMIT 1
) AS summed ON true
LEFT JOIN (
    SELECT prefix_id, min((at AT TIME ZONE INTERVAL '08:00')::date) AS day
    FROM registration_tally WHERE registered > 0 GROUP BY prefix_id
) AS waiting ON waiting.prefix_id = p.prefix_id

-- name: states_replaced_since
-- What acts from a time on replaced, the newest first. Quotas and the like are acts on prefixes too, and name no state.
SELECT subject_kind, subject_id, at, before ->> 'state' AS state, before ->> 'hosting' AS hosting,
       coalesce(before @? '$.values[*].type ? (@ like_regex "^HS_SITE(\\.6)?$" flag "i")', false) AS routed
FROM act_history
WHERE subject_kind IN ('enterprise', 'prefix', 'prefix_handle') AND at >= $1
ORDER BY at DESC, act_id DESC

-- name: active_days
-- On which days identifiers were registered, or resolved with success ($3), under each prefix: in days since the first.
-- Of every 30 days ($4) the first and the last such day are enough: as many days that end on any day are the end of one
-- such span and the beginning of the next.
SELECT prefix, array_agg(day - $1::date) AS days
FROM (
    SELECT p.prefix, unnest(ARRAY[registered.first, registered.last, resolved.first, resolved.last]) AS day
    FROM prefix p
    CROSS JOIN generate_series(0, $2::date - $1::date, $4::integer) AS span (passed)
    CROSS JOIN LATERAL (SELECT $1 + passed AS first, least($1 + passed + $4 - 1, $2) AS last) AS days
    CROSS JOIN LATERAL (
        SELECT min(day) AS first, max(day) AS last FROM registration_day
        WHERE prefix_id = p.prefix_id AND day BETWEEN days.first AND days.last AND registered > 0
    ) AS registered
    CROSS JOIN LATERAL (
        SELECT min(day) AS first, max(day) AS last FROM resolution_day
        WHERE prefix = p.prefix AND day BETWEEN days.first AND days.last AND outcome = ANY ($3::smallint[])
              AND resolutions > 0
    ) AS resolved
    UNION
    SELECT p.prefix, (t.at AT TIME ZONE INTERVAL '08:00')::date
    FROM registration_tally t JOIN prefix p ON p.prefix_id = t.prefix_id
    WHERE t.registered > 0
) AS used
WHERE day BETWEEN $1 AND $2
GROUP BY prefix
