-- Searching the identifiers of one prefix: seven walks along an index, and the same sieve for each entry.
--
-- A walk goes through one index in its order, from where the page before ended. It hands out the entries that pass
-- the sieve, and the last entry that it may examine ($14) whether that passes or not, so that its caller learns how
-- far it came. The planner is left no other way than the index in its order: ranges are never optional ("no bound"
-- is a bound beyond all values), and neither the inner query nor the sieve can be merged with what surrounds them.
--
-- The sieve: $2 states, $3 templates (null: any), $4 and $5 from which suffix key and before which, $6 what the key
-- contains, $7 to $10 times of registration and of the last change, $11 conditions on attributes, $12 how many
-- (-1: nothing passes, and what it would take to know is spared).
-- The walk: $13 entries handed out at most, $14 entries examined at most, $15 and so on what the index needs.

-- name: walk_suffixes
-- In the order of suffix keys, after $15.
SELECT i.suffix_key AS position, i.suffix_key, i.version, i.place, m.passes
FROM (SELECT i.suffix_key, i.version, i.template_id, i.state, i.registered_at, i.updated_at,
             row_number() OVER (ORDER BY i.suffix_key) AS place
      FROM identifier i
      WHERE i.prefix_id = $1 AND i.suffix_key > $15 AND i.suffix_key >= $4 AND i.suffix_key < $5
      ORDER BY i.suffix_key LIMIT $14) i
CROSS JOIN LATERAL (
        SELECT i.state = ANY ($2::smallint[]) AND ($3::int[] IS NULL OR i.template_id = ANY ($3))
               AND i.suffix_key >= $4 AND i.suffix_key < $5 AND strpos(i.suffix_key, $6) > 0
               AND i.registered_at BETWEEN $7 AND $8 AND i.updated_at BETWEEN $9 AND $10
               AND ($12 = 0 OR $12 = (
                   SELECT count(*)
                   FROM jsonb_to_recordset($11::jsonb) AS c (
                       template_id int, attribute_index int, value_from text, value_until text, contains text,
                       number_from numeric, number_to numeric)
                   CROSS JOIN LATERAL (
                       SELECT FROM attribute_index a
                       WHERE a.prefix_id = $1 AND a.suffix_key = i.suffix_key
                             AND a.attribute_index = c.attribute_index AND a.template_id = c.template_id
                             AND a.value >= c.value_from AND a.value < c.value_until
                             AND strpos(a.value, c.contains) > 0
                             AND (c.number_from IS NULL OR a.number BETWEEN c.number_from AND c.number_to)
                       LIMIT 1) met))
               AS passes OFFSET 0) m
WHERE m.passes OR i.place = $14
ORDER BY i.suffix_key LIMIT $13

-- name: walk_state
-- The same among those of one state other than live ($16).
SELECT i.suffix_key AS position, i.suffix_key, i.version, i.place, m.passes
FROM (SELECT i.suffix_key, i.version, i.template_id, i.state, i.registered_at, i.updated_at,
             row_number() OVER (ORDER BY i.suffix_key) AS place
      FROM identifier i
      WHERE i.prefix_id = $1 AND i.state = $16::smallint AND i.state <> 1 AND i.suffix_key > $15
            AND i.suffix_key >= $4 AND i.suffix_key < $5
      ORDER BY i.suffix_key LIMIT $14) i
CROSS JOIN LATERAL (
        SELECT i.state = ANY ($2::smallint[]) AND ($3::int[] IS NULL OR i.template_id = ANY ($3))
               AND i.suffix_key >= $4 AND i.suffix_key < $5 AND strpos(i.suffix_key, $6) > 0
               AND i.registered_at BETWEEN $7 AND $8 AND i.updated_at BETWEEN $9 AND $10
               AND ($12 = 0 OR $12 = (
                   SELECT count(*)
                   FROM jsonb_to_recordset($11::jsonb) AS c (
                       template_id int, attribute_index int, value_from text, value_until text, contains text,
                       number_from numeric, number_to numeric)
                   CROSS JOIN LATERAL (
                       SELECT FROM attribute_index a
                       WHERE a.prefix_id = $1 AND a.suffix_key = i.suffix_key
                             AND a.attribute_index = c.attribute_index AND a.template_id = c.template_id
                             AND a.value >= c.value_from AND a.value < c.value_until
                             AND strpos(a.value, c.contains) > 0
                             AND (c.number_from IS NULL OR a.number BETWEEN c.number_from AND c.number_to)
                       LIMIT 1) met))
               AS passes OFFSET 0) m
WHERE m.passes OR i.place = $14
ORDER BY i.suffix_key LIMIT $13

-- name: walk_changes
-- Those of one template ($15) in the order of their last change, after the time $16 and the
-- suffix key $17 up to $18.
SELECT i.updated_at AS position, i.suffix_key, i.version, i.place, m.passes
FROM (SELECT i.suffix_key, i.version, i.template_id, i.state, i.registered_at, i.updated_at,
             row_number() OVER (ORDER BY i.updated_at, i.suffix_key) AS place
      FROM identifier i
      WHERE i.prefix_id = $1 AND i.template_id = $15 AND (i.updated_at, i.suffix_key) > ($16, $17)
            AND i.updated_at <= $18
      ORDER BY i.updated_at, i.suffix_key LIMIT $14) i
CROSS JOIN LATERAL (
        SELECT i.state = ANY ($2::smallint[]) AND ($3::int[] IS NULL OR i.template_id = ANY ($3))
               AND i.suffix_key >= $4 AND i.suffix_key < $5 AND strpos(i.suffix_key, $6) > 0
               AND i.registered_at BETWEEN $7 AND $8 AND i.updated_at BETWEEN $9 AND $10
               AND ($12 = 0 OR $12 = (
                   SELECT count(*)
                   FROM jsonb_to_recordset($11::jsonb) AS c (
                       template_id int, attribute_index int, value_from text, value_until text, contains text,
                       number_from numeric, number_to numeric)
                   CROSS JOIN LATERAL (
                       SELECT FROM attribute_index a
                       WHERE a.prefix_id = $1 AND a.suffix_key = i.suffix_key
                             AND a.attribute_index = c.attribute_index AND a.template_id = c.template_id
                             AND a.value >= c.value_from AND a.value < c.value_until
                             AND strpos(a.value, c.contains) > 0
                             AND (c.number_from IS NULL OR a.number BETWEEN c.number_from AND c.number_to)
                       LIMIT 1) met))
               AS passes OFFSET 0) m
WHERE m.passes OR i.place = $14
ORDER BY i.updated_at, i.suffix_key LIMIT $13

-- name: walk_registrations
-- Those of one template ($15) that were changed since: in the order of their registration, after the time $16 and the
-- suffix key $17 up to $8, and changed after that, so that walk_changes up to $8 does not come by them.
SELECT i.registered_at AS position, i.suffix_key, i.version, i.place, m.passes AND i.updated_at > $8 AS passes
FROM (SELECT i.suffix_key, i.version, i.template_id, i.state, i.registered_at, i.updated_at,
             row_number() OVER (ORDER BY i.registered_at, i.suffix_key) AS place
      FROM identifier i
      WHERE i.prefix_id = $1 AND i.template_id = $15 AND (i.registered_at, i.suffix_key) > ($16, $17)
            AND i.registered_at <= $8 AND i.registered_at <> i.updated_at
      ORDER BY i.registered_at, i.suffix_key LIMIT $14) i
CROSS JOIN LATERAL (
        SELECT i.state = ANY ($2::smallint[]) AND ($3::int[] IS NULL OR i.template_id = ANY ($3))
               AND i.suffix_key >= $4 AND i.suffix_key < $5 AND strpos(i.suffix_key, $6) > 0
               AND i.registered_at BETWEEN $7 AND $8 AND i.updated_at BETWEEN $9 AND $10
               AND ($12 = 0 OR $12 = (
                   SELECT count(*)
                   FROM jsonb_to_recordset($11::jsonb) AS c (
                       template_id int, attribute_index int, value_from text, value_until text, contains text,
                       number_from numeric, number_to numeric)
                   CROSS JOIN LATERAL (
                       SELECT FROM attribute_index a
                       WHERE a.prefix_id = $1 AND a.suffix_key = i.suffix_key
                             AND a.attribute_index = c.attribute_index AND a.template_id = c.template_id
                             AND a.value >= c.value_from AND a.value < c.value_until
                             AND strpos(a.value, c.contains) > 0
                             AND (c.number_from IS NULL OR a.number BETWEEN c.number_from AND c.number_to)
                       LIMIT 1) met))
               AS passes OFFSET 0) m
WHERE (m.passes AND i.updated_at > $8) OR i.place = $14
ORDER BY i.registered_at, i.suffix_key LIMIT $13

-- name: walk_values
-- In the order of the values of a listed attribute ($16 of template $15): after the value $17 and
-- the suffix key $18, before the value $19, containing $20.
SELECT e.value AS position, e.suffix_key, i.version, e.place, coalesce(i.passes, false) AS passes
FROM (SELECT a.value, a.suffix_key, row_number() OVER (ORDER BY a.value, a.suffix_key) AS place
      FROM attribute_index a
      WHERE a.prefix_id = $1 AND a.template_id = $15 AND a.attribute_index = $16
            AND NOT a.is_unique AND (a.value, a.suffix_key) > ($17, $18) AND a.value < $19
      ORDER BY a.value, a.suffix_key LIMIT $14) e
LEFT JOIN LATERAL (
        SELECT i.version, i.state = ANY ($2::smallint[]) AND ($3::int[] IS NULL OR i.template_id = ANY ($3))
               AND i.suffix_key >= $4 AND i.suffix_key < $5 AND strpos(i.suffix_key, $6) > 0
               AND i.registered_at BETWEEN $7 AND $8 AND i.updated_at BETWEEN $9 AND $10
               AND ($12 = 0 OR $12 = (
                   SELECT count(*)
                   FROM jsonb_to_recordset($11::jsonb) AS c (
                       template_id int, attribute_index int, value_from text, value_until text, contains text,
                       number_from numeric, number_to numeric)
                   CROSS JOIN LATERAL (
                       SELECT FROM attribute_index a
                       WHERE a.prefix_id = $1 AND a.suffix_key = i.suffix_key
                             AND a.attribute_index = c.attribute_index AND a.template_id = c.template_id
                             AND a.value >= c.value_from AND a.value < c.value_until
                             AND strpos(a.value, c.contains) > 0
                             AND (c.number_from IS NULL OR a.number BETWEEN c.number_from AND c.number_to)
                       LIMIT 1) met))
               AS passes
        FROM identifier i
        WHERE $12 >= 0 AND strpos(e.value, $20) > 0 AND strpos(e.suffix_key, $6) > 0 AND e.suffix_key >= $4
              AND e.suffix_key < $5 AND i.prefix_id = $1 AND i.suffix_key = e.suffix_key
        LIMIT 1) i ON true
WHERE i.passes OR e.place = $14
ORDER BY e.value, e.suffix_key LIMIT $13

-- name: walk_unique_values
-- The same for a unique attribute: it has an index of its own, in which no value stands twice.
SELECT e.value AS position, e.suffix_key, i.version, e.place, coalesce(i.passes, false) AS passes
FROM (SELECT a.value, a.suffix_key, row_number() OVER (ORDER BY a.value) AS place
      FROM attribute_index a
      WHERE a.prefix_id = $1 AND a.template_id = $15 AND a.attribute_index = $16
            AND a.is_unique AND (a.value, a.suffix_key) > ($17, $18) AND a.value < $19
      ORDER BY a.value LIMIT $14) e
LEFT JOIN LATERAL (
        SELECT i.version, i.state = ANY ($2::smallint[]) AND ($3::int[] IS NULL OR i.template_id = ANY ($3))
               AND i.suffix_key >= $4 AND i.suffix_key < $5 AND strpos(i.suffix_key, $6) > 0
               AND i.registered_at BETWEEN $7 AND $8 AND i.updated_at BETWEEN $9 AND $10
               AND ($12 = 0 OR $12 = (
                   SELECT count(*)
                   FROM jsonb_to_recordset($11::jsonb) AS c (
                       template_id int, attribute_index int, value_from text, value_until text, contains text,
                       number_from numeric, number_to numeric)
                   CROSS JOIN LATERAL (
                       SELECT FROM attribute_index a
                       WHERE a.prefix_id = $1 AND a.suffix_key = i.suffix_key
                             AND a.attribute_index = c.attribute_index AND a.template_id = c.template_id
                             AND a.value >= c.value_from AND a.value < c.value_until
                             AND strpos(a.value, c.contains) > 0
                             AND (c.number_from IS NULL OR a.number BETWEEN c.number_from AND c.number_to)
                       LIMIT 1) met))
               AS passes
        FROM identifier i
        WHERE $12 >= 0 AND strpos(e.value, $20) > 0 AND strpos(e.suffix_key, $6) > 0 AND e.suffix_key >= $4
              AND e.suffix_key < $5 AND i.prefix_id = $1 AND i.suffix_key = e.suffix_key
        LIMIT 1) i ON true
WHERE i.passes OR e.place = $14
ORDER BY e.value LIMIT $13

-- name: walk_numbers
-- In the order of the values of an attribute of the kind number: after the number $17 and
-- the suffix key $18, up to $19.
SELECT e.number::text AS position, e.suffix_key, i.version, e.place, coalesce(i.passes, false) AS passes
FROM (SELECT a.number, a.suffix_key, row_number() OVER (ORDER BY a.number, a.suffix_key) AS place
      FROM attribute_index a
      WHERE a.prefix_id = $1 AND a.template_id = $15 AND a.attribute_index = $16
            AND (a.number, a.suffix_key) > ($17::text::numeric, $18) AND a.number <= $19::text::numeric
      ORDER BY a.number, a.suffix_key LIMIT $14) e
LEFT JOIN LATERAL (
        SELECT i.version, i.state = ANY ($2::smallint[]) AND ($3::int[] IS NULL OR i.template_id = ANY ($3))
               AND i.suffix_key >= $4 AND i.suffix_key < $5 AND strpos(i.suffix_key, $6) > 0
               AND i.registered_at BETWEEN $7 AND $8 AND i.updated_at BETWEEN $9 AND $10
               AND ($12 = 0 OR $12 = (
                   SELECT count(*)
                   FROM jsonb_to_recordset($11::jsonb) AS c (
                       template_id int, attribute_index int, value_from text, value_until text, contains text,
                       number_from numeric, number_to numeric)
                   CROSS JOIN LATERAL (
                       SELECT FROM attribute_index a
                       WHERE a.prefix_id = $1 AND a.suffix_key = i.suffix_key
                             AND a.attribute_index = c.attribute_index AND a.template_id = c.template_id
                             AND a.value >= c.value_from AND a.value < c.value_until
                             AND strpos(a.value, c.contains) > 0
                             AND (c.number_from IS NULL OR a.number BETWEEN c.number_from AND c.number_to)
                       LIMIT 1) met))
               AS passes
        FROM identifier i
        WHERE $12 >= 0 AND strpos(e.suffix_key, $6) > 0 AND e.suffix_key >= $4
              AND e.suffix_key < $5 AND i.prefix_id = $1 AND i.suffix_key = e.suffix_key
        LIMIT 1) i ON true
WHERE i.passes OR e.place = $14
ORDER BY e.number, e.suffix_key LIMIT $13

-- name: sample_identifiers
-- Of the rows on about $13 pages, drawn by chance and always the same, how many there are and how many of this
-- prefix pass the sieve; the pages of the table, and the rows on each by the last analysis, if there was one.
SELECT count(*) AS sampled, count(*) FILTER (WHERE m.passes) AS passing,
       pg_relation_size('identifier') / current_setting('block_size')::float8 AS pages,
       (SELECT c.reltuples / c.relpages FROM pg_class c
        WHERE c.oid = 'identifier'::regclass AND c.relpages > 0 AND c.reltuples >= 0) AS rows_a_page
FROM identifier i TABLESAMPLE SYSTEM (
        least(100, 100 * $13::float8 * current_setting('block_size')::int
                   / greatest(pg_relation_size('identifier'), 1))) REPEATABLE (1)
CROSS JOIN LATERAL (
        SELECT i.prefix_id = $1 AND i.state = ANY ($2::smallint[]) AND ($3::int[] IS NULL OR i.template_id = ANY ($3))
               AND i.suffix_key >= $4 AND i.suffix_key < $5 AND strpos(i.suffix_key, $6) > 0
               AND i.registered_at BETWEEN $7 AND $8 AND i.updated_at BETWEEN $9 AND $10
               AND ($12 = 0 OR $12 = (
                   SELECT count(*)
                   FROM jsonb_to_recordset($11::jsonb) AS c (
                       template_id int, attribute_index int, value_from text, value_until text, contains text,
                       number_from numeric, number_to numeric)
                   CROSS JOIN LATERAL (
                       SELECT FROM attribute_index a
                       WHERE a.prefix_id = $1 AND a.suffix_key = i.suffix_key
                             AND a.attribute_index = c.attribute_index AND a.template_id = c.template_id
                             AND a.value >= c.value_from AND a.value < c.value_until
                             AND strpos(a.value, c.contains) > 0
                             AND (c.number_from IS NULL OR a.number BETWEEN c.number_from AND c.number_to)
                       LIMIT 1) met))
               AS passes OFFSET 0) m

-- name: templates_meant
-- The templates that a search may mean: of the prefix's enterprise or of the node, those of others that it is granted
-- or has used; no drafts, which nothing uses.
WITH RECURSIVE used (template_id) AS (
    (SELECT i.template_id FROM identifier i WHERE i.prefix_id = $4 ORDER BY i.template_id DESC LIMIT 1)
    UNION ALL
    SELECT (SELECT i.template_id FROM identifier i
            WHERE i.prefix_id = $4 AND i.template_id < used.template_id ORDER BY i.template_id DESC LIMIT 1)
    FROM used WHERE used.template_id IS NOT NULL
)
SELECT t.template_id, t.enterprise_id, t.name, t.template_version, t.state, t.definition, t.version, t.created_at,
       t.updated_at, t.based_on, t.fixed
FROM template t
WHERE (t.enterprise_id = $1 OR t.enterprise_id IS NULL
       OR EXISTS (SELECT FROM template_grant g WHERE g.enterprise_id = t.enterprise_id AND g.name = t.name
                  AND g.grantee IN ('*', $1::uuid::text))
       OR t.template_id IN (SELECT template_id FROM used)) AND t.state <> 'draft'
      AND ($2::int IS NULL OR t.template_id = $2) AND ($3::text IS NULL OR t.name = $3)
ORDER BY t.template_id DESC

-- name: templates_in_use
-- The templates of a prefix's identifiers, the newest first: one step down the index for each.
WITH RECURSIVE used (template_id) AS (
    (SELECT i.template_id FROM identifier i WHERE i.prefix_id = $1 ORDER BY i.template_id DESC LIMIT 1)
    UNION ALL
    SELECT (SELECT i.template_id FROM identifier i
            WHERE i.prefix_id = $1 AND i.template_id < used.template_id ORDER BY i.template_id DESC LIMIT 1)
    FROM used WHERE used.template_id IS NOT NULL
)
SELECT template_id FROM used WHERE template_id IS NOT NULL

-- name: identifiers_of_keys
-- What a page shows of the identifiers that a walk has found.
SELECT i.prefix_id, i.template_id, i.version, i.state, i.registered_at, i.updated_at,
       i.suffix_key, coalesce(i.suffix, i.suffix_key) AS suffix, i.record
FROM identifier i WHERE i.prefix_id = $1 AND i.suffix_key = ANY ($2::text[])
