-- Editions of templates, by their owner and name.

-- name: add_template
-- A draft; owner, name and version make template_name_unique.
INSERT INTO template (enterprise_id, name, template_version, state, definition, created_at, updated_at, based_on, fixed)
VALUES ($1, $2, $3, $4, $5::jsonb, $6, $6, $7, $8)
RETURNING template_id

-- name: find_template
-- One template as it stands.
SELECT template_id, enterprise_id, name, template_version, state, definition, version, created_at, updated_at, based_on,
       fixed, used
FROM template WHERE template_id = $1::bigint

-- name: lock_template
-- The same for a change, and for a removal: a registration that marks it as used waits.
SELECT template_id, enterprise_id, name, template_version, state, definition, version, created_at, updated_at, based_on,
       fixed, used
FROM template WHERE template_id = $1::bigint FOR NO KEY UPDATE

-- name: change_template
-- A new definition or state for a row that the transaction has locked.
UPDATE template SET name = $2, state = $3, definition = $4::jsonb, version = $5, updated_at = $6
WHERE template_id = $1

-- name: remove_template
-- One that no identifier has ever had.
DELETE FROM template WHERE template_id = $1

-- name: lock_template_name
-- Whoever makes, changes or removes editions of a template by its name comes here first.
SELECT pg_advisory_xact_lock(827, hashtext(coalesce($1::uuid::text, '') || ' ' || $2))

-- name: editions_of_template
-- Every edition of a template, the newest first, for a change.
SELECT template_id, enterprise_id, name, template_version, state, definition, version, created_at, updated_at, based_on,
       fixed, used
FROM template WHERE enterprise_id IS NOT DISTINCT FROM $1::uuid AND name = $2
ORDER BY template_version DESC FOR NO KEY UPDATE

-- name: newest_of_template
-- The last edition of a template, whatever its state, or the last that is published.
SELECT template_id, enterprise_id, name, template_version, state, definition, version, created_at, updated_at, based_on,
       fixed, used
FROM template
WHERE enterprise_id IS NOT DISTINCT FROM $1::uuid AND name = $2 AND ($3::text IS NULL OR state = $3)
ORDER BY template_version DESC LIMIT 1

-- name: usable_template
-- What a name means to an enterprise: published before others, its own before the node's, the newest version.
SELECT template_id, enterprise_id, name, template_version, state, definition, version, created_at, updated_at, based_on,
       fixed, used
FROM template
WHERE name = $2 AND (enterprise_id = $1 OR enterprise_id IS NULL)
ORDER BY state = 'published' DESC, enterprise_id IS NULL, template_version DESC LIMIT 1

-- name: granted_template
-- What a name means that neither the enterprise nor the node has published: what others grant, who was first.
SELECT t.template_id, t.enterprise_id, t.name, t.template_version, t.state, t.definition, t.version, t.created_at,
       t.updated_at, t.based_on, t.fixed, t.used
FROM template_grant g JOIN template t ON t.enterprise_id = g.enterprise_id AND t.name = g.name
WHERE g.name = $2 AND g.grantee IN ('*', $1::uuid::text) AND g.enterprise_id <> $1 AND t.state = 'published'
ORDER BY g.created_at, g.enterprise_id, t.template_version DESC LIMIT 1

-- name: is_granted
-- Whether an enterprise may use the editions of another's template.
SELECT EXISTS (SELECT FROM template_grant
               WHERE enterprise_id = $1 AND name = $2 AND grantee IN ('*', $3::uuid::text)) AS granted

-- name: mark_templates_used
-- From now on they are withdrawn and not removed; one that is just being removed is not found.
UPDATE template SET used = true WHERE template_id = ANY ($1::int[]) AND NOT used RETURNING template_id

-- name: list_templates
-- In the order of creation, by keyset; an enterprise sees its own and, drafts apart, the node's and what it is granted.
SELECT t.template_id, t.enterprise_id, t.name, t.template_version, t.state, t.definition, t.version, t.created_at,
       t.updated_at, t.based_on, t.fixed
FROM template t
WHERE t.template_id > $1::bigint AND ($2::text IS NULL OR t.state = $2)
      AND ($3::uuid IS NULL OR t.enterprise_id = $3
           OR (t.state <> 'draft' AND (t.enterprise_id IS NULL OR EXISTS (
               SELECT FROM template_grant g
               WHERE g.enterprise_id = t.enterprise_id AND g.name = t.name AND g.grantee IN ('*', $3::uuid::text)))))
ORDER BY t.template_id LIMIT $4
