-- The reader's statements, and the one by which it writes down what it counted (as biaoshi_writer).

-- name: look_up
-- Many identifiers at once, in any order; a prefix that is not ours has no row.
SELECT wanted.place, p.prefix, p.state AS prefix_state, e.state AS enterprise_state, e.name, e.name_en,
       i.template_id, i.version, i.registered_at, i.updated_at, coalesce(i.suffix, i.suffix_key) AS suffix, i.record
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (prefix, suffix_key, place)
JOIN prefix p ON p.prefix = wanted.prefix AND p.state NOT IN ('rejected', 'refused')
JOIN enterprise e ON e.enterprise_id = p.enterprise_id
LEFT JOIN identifier i ON i.prefix_id = p.prefix_id AND i.suffix_key = wanted.suffix_key AND i.state = 1

-- name: template_definition
-- How a page shows the values of a template; a published definition never changes.
SELECT name, definition FROM template WHERE template_id = $1

-- name: write_counts
-- Totals of this process start so far: written twice or late they are still right.
INSERT INTO resolution_count (boot_id, minute, prefix, interface, outcome, resolutions)
SELECT $1, counted.minute, counted.prefix, counted.interface, counted.outcome, counted.resolutions
FROM unnest($2::timestamptz[], $3::text[], $4::smallint[], $5::smallint[], $6::bigint[])
     AS counted (minute, prefix, interface, outcome, resolutions)
ON CONFLICT (boot_id, minute, prefix, interface, outcome)
DO UPDATE SET resolutions = greatest(resolution_count.resolutions, excluded.resolutions)
