-- References: what the identifiers of a prefix point at, and who points at one.

-- name: look_through_references
-- A stretch of a prefix's references in the order of their key, at most $6 of them after ($2 … $5): those whose
-- target this node should know and does not have live, or has by another template than the attribute names, and the
-- last one whatever it is. Each says how many were looked at up to it and how many of these lie under other nodes, so
-- that a page can end at any row. Which template's attribute names which template is in $9 … $12.
WITH looked AS MATERIALIZED (
    SELECT r.suffix_key, r.attribute_index, r.target_prefix, r.target_suffix_key,
           row_number() OVER (ORDER BY r.suffix_key, r.attribute_index, r.target_prefix, r.target_suffix_key) AS place
    FROM identifier_reference r
    WHERE r.prefix_id = $1
          AND (r.suffix_key, r.attribute_index, r.target_prefix, r.target_suffix_key) > ($2, $3, $4, $5)
    ORDER BY r.suffix_key, r.attribute_index, r.target_prefix, r.target_suffix_key LIMIT $6
), judged AS (
    SELECT l.*, i.state,
           CASE WHEN i.state = 1 AND l.attribute_index = ANY ($10::int[]) THEN EXISTS (
               SELECT FROM identifier source
               JOIN unnest($9::int[], $10::int[], $11::uuid[], $12::text[])
                    AS named (template_id, attribute_index, enterprise_id, name) USING (template_id)
               WHERE source.prefix_id = $1 AND source.suffix_key = l.suffix_key
                     AND named.attribute_index = l.attribute_index
                     AND NOT EXISTS (SELECT FROM template t
                                     WHERE t.template_id = i.template_id AND t.name = named.name
                                           AND (named.enterprise_id IS NULL OR t.enterprise_id = named.enterprise_id)))
           ELSE false END AS astray,
           p.prefix_id IS NOT NULL OR l.target_prefix = $7 OR starts_with(l.target_prefix, $7 || '.') AS ours
    FROM looked l
    LEFT JOIN prefix p ON p.prefix = l.target_prefix AND p.state NOT IN ('rejected', 'refused')
    LEFT JOIN identifier i ON i.prefix_id = p.prefix_id AND i.suffix_key = l.target_suffix_key
), counted AS (
    SELECT j.*, j.ours AND (j.state IS DISTINCT FROM 1 OR j.astray) AS dangling,
           count(*) FILTER (WHERE NOT j.ours) OVER (ORDER BY j.place) AS foreign_targets
    FROM judged j
)
SELECT c.suffix_key, c.attribute_index, c.target_prefix, c.target_suffix_key, c.place, c.state, c.dangling,
       c.foreign_targets, source.template_id, coalesce(source.suffix, source.suffix_key, c.suffix_key) AS suffix
FROM counted c
LEFT JOIN identifier source ON source.prefix_id = $1 AND source.suffix_key = c.suffix_key
WHERE c.dangling OR c.place = (SELECT count(*) FROM looked)
ORDER BY c.place LIMIT $8

-- name: referrers_of
-- Who points at an identifier, in the order of prefix and key; those of one enterprise when one is said.
SELECT r.prefix_id, r.suffix_key, r.attribute_index, p.prefix, i.template_id, i.state,
       coalesce(i.suffix, i.suffix_key) AS suffix
FROM identifier_reference r
JOIN prefix p ON p.prefix_id = r.prefix_id
JOIN identifier i ON i.prefix_id = r.prefix_id AND i.suffix_key = r.suffix_key
WHERE r.target_prefix = $1 AND r.target_suffix_key = $2 AND ($3::uuid IS NULL OR p.enterprise_id = $3)
      AND (r.prefix_id, r.suffix_key, r.attribute_index) > ($4, $5, $6)
ORDER BY r.prefix_id, r.suffix_key, r.attribute_index LIMIT $7

-- name: templates_in_use
-- The templates of a prefix's identifiers: one step down the index for each.
WITH RECURSIVE used (template_id) AS (
    (SELECT i.template_id FROM identifier i WHERE i.prefix_id = $1 ORDER BY i.template_id DESC LIMIT 1)
    UNION ALL
    SELECT (SELECT i.template_id FROM identifier i
            WHERE i.prefix_id = $1 AND i.template_id < used.template_id ORDER BY i.template_id DESC LIMIT 1)
    FROM used WHERE used.template_id IS NOT NULL
)
SELECT t.template_id, t.enterprise_id, t.name, t.template_version, t.state, t.definition, t.version, t.created_at,
       t.updated_at, t.based_on, t.fixed
FROM template t JOIN used ON used.template_id = t.template_id
