-- Whether totals and months are what their days come to. FULL JOIN: one that is missing differs too.

-- name: hours_that_differ
-- The whole node by hour, from $1 to before $2.
SELECT hour, interface, outcome, t.resolutions AS counted, h.resolutions AS recounted
FROM (SELECT hour, interface, outcome, resolutions FROM resolution_hour_total WHERE hour >= $1 AND hour < $2) AS t
FULL JOIN (SELECT hour, interface, outcome, sum(resolutions)::bigint AS resolutions
           FROM resolution_hour WHERE hour >= $1 AND hour < $2 GROUP BY 1, 2, 3) AS h
USING (hour, interface, outcome)
WHERE coalesce(t.resolutions, 0) <> coalesce(h.resolutions, 0)
ORDER BY 1, 2, 3

-- name: totals_that_differ
-- The whole node by day, from $1 to $2.
SELECT day, interface, outcome, t.resolutions AS counted, d.resolutions AS recounted
FROM (SELECT day, interface, outcome, resolutions FROM resolution_total WHERE day >= $1 AND day <= $2) AS t
FULL JOIN (SELECT day, interface, outcome, sum(resolutions)::bigint AS resolutions
           FROM resolution_day WHERE day >= $1 AND day <= $2 GROUP BY 1, 2, 3) AS d
USING (day, interface, outcome)
WHERE coalesce(t.resolutions, 0) <> coalesce(d.resolutions, 0)
ORDER BY 1, 2, 3

-- name: months_that_differ
-- Prefixes by month, from the month that begins on $1 to before the one that begins on $2.
SELECT month, prefix, interface, outcome, m.resolutions AS counted, d.resolutions AS recounted
FROM (SELECT month, prefix, interface, outcome, resolutions FROM resolution_month
      WHERE month >= $1 AND month < $2) AS m
FULL JOIN (SELECT date_trunc('month', day::timestamp)::date AS month, prefix, interface, outcome,
                  sum(resolutions)::bigint AS resolutions
           FROM resolution_day WHERE day >= $1 AND day < $2 GROUP BY 1, 2, 3, 4) AS d
USING (month, prefix, interface, outcome)
WHERE coalesce(m.resolutions, 0) <> coalesce(d.resolutions, 0)
ORDER BY 1, 2, 3, 4

-- name: digested_months_that_differ
-- What digests say, likewise.
SELECT month, prefix,
       (m.examined || '/' || m.deduplicated || '/' || m.flagged) AS counted,
       (d.examined || '/' || d.deduplicated || '/' || d.flagged) AS recounted
FROM (SELECT month, prefix, examined, deduplicated, flagged FROM digest_month WHERE month >= $1 AND month < $2) AS m
FULL JOIN (SELECT date_trunc('month', day::timestamp)::date AS month, prefix, sum(valid)::bigint AS examined,
                  sum(deduplicated)::bigint AS deduplicated, sum(flagged)::bigint AS flagged
           FROM resolution_digest WHERE day >= $1 AND day < $2 GROUP BY 1, 2) AS d
USING (month, prefix)
WHERE (coalesce(m.examined, 0), coalesce(m.deduplicated, 0), coalesce(m.flagged, 0))
      <> (coalesce(d.examined, 0), coalesce(d.deduplicated, 0), coalesce(d.flagged, 0))
ORDER BY 1, 2

-- name: registration_totals_that_differ
-- Registrations of the whole node (-1) and of each template by day, from $1 to $2.
SELECT day, CASE template_id WHEN -1 THEN 'all' ELSE 'template ' || template_id END AS whose, t.counts AS counted,
       d.counts AS recounted
FROM (SELECT template_id, day,
             concat_ws('/', registered, first_registered, updated, deleted, suspended, resumed, moved_in, moved_out)
             AS counts
      FROM registration_total WHERE day BETWEEN $1 AND $2) AS t
FULL JOIN (SELECT coalesce(template_id, -1) AS template_id, day,
                  concat_ws('/', sum(registered), sum(first_registered), sum(updated), sum(deleted), sum(suspended),
                            sum(resumed), sum(moved_in), sum(moved_out)) AS counts
           FROM registration_day WHERE day BETWEEN $1 AND $2 GROUP BY GROUPING SETS ((template_id, day), (day))) AS d
USING (template_id, day)
WHERE coalesce(t.counts, '0/0/0/0/0/0/0/0') <> coalesce(d.counts, '0/0/0/0/0/0/0/0')
ORDER BY day, template_id

-- name: registration_months_that_differ
-- Those of prefixes and templates by month, from the month that begins on $1 to before the one that begins on $2.
SELECT month, coalesce(prefix, prefix_id::text) || ' template ' || template_id AS whose, m.counts AS counted,
       d.counts AS recounted
FROM (SELECT month, prefix_id, template_id,
             concat_ws('/', registered, first_registered, updated, deleted, suspended, resumed, moved_in, moved_out)
             AS counts
      FROM registration_month WHERE month >= $1 AND month < $2) AS m
FULL JOIN (SELECT date_trunc('month', day::timestamp)::date AS month, prefix_id, template_id,
                  concat_ws('/', sum(registered), sum(first_registered), sum(updated), sum(deleted), sum(suspended),
                            sum(resumed), sum(moved_in), sum(moved_out)) AS counts
           FROM registration_day WHERE day >= $1 AND day < $2 GROUP BY 1, 2, 3) AS d
USING (month, prefix_id, template_id)
LEFT JOIN prefix USING (prefix_id)
WHERE coalesce(m.counts, '0/0/0/0/0/0/0/0') <> coalesce(d.counts, '0/0/0/0/0/0/0/0')
ORDER BY month, prefix_id, template_id
