-- Registrations by their tallies, as far as they are summed and as far as they are not yet.
-- Of some prefixes and of the whole node are two statements each: what suits one is slow for the other.

-- name: prefixes_asked_about
-- The prefixes that an enterprise holds now, or those of one spelling: a number turned down may have been given again.
SELECT prefix_id FROM prefix WHERE ($1::uuid IS NULL OR enterprise_id = $1) AND ($2::text IS NULL OR prefix = $2)

-- name: registrations_by_day
-- The whole node by day, or one template.
SELECT day AS key, sum(registered)::bigint AS registered, sum(first_registered)::bigint AS first_registered,
       sum(updated)::bigint AS updated, sum(deleted)::bigint AS deleted, sum(suspended)::bigint AS suspended,
       sum(resumed)::bigint AS resumed, sum(moved_in)::bigint AS moved_in, sum(moved_out)::bigint AS moved_out
FROM registration_total_by_day
WHERE template_id = coalesce($3::integer, -1) AND day BETWEEN $1 AND $2
GROUP BY day

-- name: registrations_by_day_of_prefixes
-- Some prefixes by day.
SELECT day AS key, sum(registered)::bigint AS registered, sum(first_registered)::bigint AS first_registered,
       sum(updated)::bigint AS updated, sum(deleted)::bigint AS deleted, sum(suspended)::bigint AS suspended,
       sum(resumed)::bigint AS resumed, sum(moved_in)::bigint AS moved_in, sum(moved_out)::bigint AS moved_out
FROM registration_by_day
WHERE day BETWEEN $1 AND $2 AND ($3::integer IS NULL OR template_id = $3) AND prefix_id = ANY ($4::integer[])
GROUP BY day

-- name: registrations_by_prefix
-- The whole node by prefix: whole months from $1 to before $2, days from $3 to before $1 and from $2 to before $4.
SELECT prefix_id AS key, sum(registered)::bigint AS registered, sum(first_registered)::bigint AS first_registered,
       sum(updated)::bigint AS updated, sum(deleted)::bigint AS deleted, sum(suspended)::bigint AS suspended,
       sum(resumed)::bigint AS resumed, sum(moved_in)::bigint AS moved_in, sum(moved_out)::bigint AS moved_out
FROM registrations_between($1, $2, $3, $4)
WHERE $5::integer IS NULL OR template_id = $5
GROUP BY prefix_id

-- name: registrations_by_prefix_of_prefixes
-- Some prefixes, each by itself.
SELECT prefix_id AS key, sum(registered)::bigint AS registered, sum(first_registered)::bigint AS first_registered,
       sum(updated)::bigint AS updated, sum(deleted)::bigint AS deleted, sum(suspended)::bigint AS suspended,
       sum(resumed)::bigint AS resumed, sum(moved_in)::bigint AS moved_in, sum(moved_out)::bigint AS moved_out
FROM registrations_between($1, $2, $3, $4)
WHERE ($5::integer IS NULL OR template_id = $5) AND prefix_id = ANY ($6::integer[])
GROUP BY prefix_id

-- name: registrations_by_template
-- The whole node by template: whole months from $1 to before $2, days from $3 to before $1 and from $2 to before $4.
SELECT template_id AS key, sum(registered)::bigint AS registered, sum(first_registered)::bigint AS first_registered,
       sum(updated)::bigint AS updated, sum(deleted)::bigint AS deleted, sum(suspended)::bigint AS suspended,
       sum(resumed)::bigint AS resumed, sum(moved_in)::bigint AS moved_in, sum(moved_out)::bigint AS moved_out
FROM registrations_between($1, $2, $3, $4)
WHERE $5::integer IS NULL OR template_id = $5
GROUP BY template_id

-- name: registrations_by_template_of_prefixes
-- Some prefixes by template.
SELECT template_id AS key, sum(registered)::bigint AS registered, sum(first_registered)::bigint AS first_registered,
       sum(updated)::bigint AS updated, sum(deleted)::bigint AS deleted, sum(suspended)::bigint AS suspended,
       sum(resumed)::bigint AS resumed, sum(moved_in)::bigint AS moved_in, sum(moved_out)::bigint AS moved_out
FROM registrations_between($1, $2, $3, $4)
WHERE ($5::integer IS NULL OR template_id = $5) AND prefix_id = ANY ($6::integer[])
GROUP BY template_id

-- name: holders_of_prefixes
-- Which prefix and whose.
SELECT p.prefix_id, p.prefix, p.enterprise_id, e.name, e.industry_code
FROM prefix p JOIN enterprise e ON e.enterprise_id = p.enterprise_id
WHERE p.prefix_id = ANY ($1::integer[])

-- name: marks_of_templates
-- Names and editions.
SELECT template_id, name || '@' || template_version AS mark FROM template WHERE template_id = ANY ($1::integer[])

-- name: live_total
-- What stands at the end of a day, of the whole node.
SELECT coalesce(sum(registered - deleted), 0)::bigint FROM registration_total_by_day
WHERE template_id = -1 AND day <= $1

-- name: live_total_of_prefixes
-- The same of some prefixes; months and days as above.
SELECT coalesce(sum(registered - deleted), 0)::bigint FROM registrations_between($1, $2, $3, $4)
WHERE prefix_id = ANY ($5::integer[])

-- name: first_registrations
-- What never stood before, of the whole node.
SELECT coalesce(sum(first_registered), 0)::bigint FROM registration_total_by_day
WHERE template_id = -1 AND day BETWEEN $1 AND $2

-- name: first_registrations_of_prefixes
-- The same of some prefixes.
SELECT coalesce(sum(first_registered), 0)::bigint FROM registrations_between($1, $2, $3, $4)
WHERE prefix_id = ANY ($5::integer[])
