-- What everybody may know about the prefixes of this node.

-- name: filed_prefix
-- One prefix that the national node has verified, whatever became of it; the newest row of a number that was turned
-- down and given again. A name whose amendment is under review is not published.
SELECT p.prefix_id, p.prefix, p.state, p.hosting, p.created_at, p.updated_at, e.enterprise_number,
       CASE WHEN e.state IN ('approved', 'suspended', 'closed') THEN e.name ELSE '' END AS name,
       CASE WHEN e.state IN ('approved', 'suspended', 'closed') THEN e.name_en END AS name_en,
       e.division_code, e.industry_code
FROM prefix p JOIN enterprise e USING (enterprise_id)
WHERE p.prefix = $1 AND p.state IN ('verified', 'enabled', 'suspended', 'withdrawn')
ORDER BY p.prefix_id DESC LIMIT 1

-- name: filed_prefixes_of_name
-- The prefixes of enterprises that are published under exactly this name, by keyset.
SELECT p.prefix_id, p.prefix, p.state, p.hosting, p.created_at, p.updated_at, e.enterprise_number, e.name, e.name_en,
       e.division_code, e.industry_code
FROM prefix p JOIN enterprise e USING (enterprise_id)
WHERE e.name = $1 AND e.state IN ('approved', 'suspended', 'closed') AND p.prefix_id > $2
      AND p.state IN ('verified', 'enabled', 'suspended', 'withdrawn')
ORDER BY p.prefix_id LIMIT $3

-- name: filed_prefixes_of_number
-- The prefixes of one enterprise by its number, oldest first.
SELECT p.prefix_id, p.prefix, p.state, p.hosting, p.created_at, p.updated_at, e.enterprise_number, e.name, e.name_en,
       e.division_code, e.industry_code
FROM prefix p JOIN enterprise e USING (enterprise_id)
WHERE e.enterprise_number = $1 AND e.state IN ('approved', 'suspended', 'closed')
      AND p.state IN ('verified', 'enabled', 'suspended', 'withdrawn')
ORDER BY p.prefix_id LIMIT $2
