-- What interfaces of other products call the templates of an enterprise.

-- name: put_alias
-- A new alias, or what the interface says anew of the same template; one that means another is left alone.
INSERT INTO template_alias (scheme, prefix, alias, enterprise_id, name, said, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $7)
ON CONFLICT (scheme, prefix, alias) DO UPDATE SET said = excluded.said, updated_at = excluded.updated_at
WHERE template_alias.enterprise_id = excluded.enterprise_id AND template_alias.name = excluded.name
RETURNING scheme, prefix, alias, enterprise_id, name, said, created_at, updated_at

-- name: find_alias
-- What an alias means.
SELECT scheme, prefix, alias, enterprise_id, name, said, created_at, updated_at
FROM template_alias WHERE scheme = $1 AND prefix = $2 AND alias = $3

-- name: alias_of
-- What a template is called; the oldest name where it has several.
SELECT scheme, prefix, alias, enterprise_id, name, said, created_at, updated_at
FROM template_alias WHERE scheme = $1 AND enterprise_id = $2 AND name = $3
ORDER BY created_at, prefix, alias LIMIT 1

-- name: remove_alias
-- The alias may mean another template from now on.
DELETE FROM template_alias WHERE scheme = $1 AND prefix = $2 AND alias = $3 RETURNING name

-- name: forget_aliases
-- Those of a template that is gone.
DELETE FROM template_alias WHERE enterprise_id = $1 AND name = $2
