-- Categories of an enterprise's templates.

-- name: ensure_default_category
-- Every enterprise has the category of what is not classified.
INSERT INTO template_category (enterprise_id, parent_id, code, name, sort)
SELECT e.enterprise_id, NULL, $2, $3, 0 FROM enterprise e WHERE e.enterprise_id = $1
ON CONFLICT (enterprise_id, code) DO NOTHING

-- name: list_categories
-- All of an enterprise, parents and siblings in their order.
SELECT template_category_id, enterprise_id, parent_id, code, name, sort FROM template_category
WHERE enterprise_id = $1 ORDER BY sort, template_category_id

-- name: find_category
-- One by its code.
SELECT template_category_id, enterprise_id, parent_id, code, name, sort FROM template_category
WHERE enterprise_id = $1 AND code = $2

-- name: lock_category
-- One for a change.
SELECT template_category_id, enterprise_id, parent_id, code, name, sort FROM template_category
WHERE template_category_id = $1 FOR UPDATE

-- name: lock_categories
-- Changes of an enterprise's tree wait for each other, so that no two of them make a circle.
SELECT pg_advisory_xact_lock(828, hashtext($1::uuid::text))

-- name: add_category
-- The code is unique in the enterprise.
INSERT INTO template_category (enterprise_id, parent_id, code, name, sort) VALUES ($1, $2, $3, $4, $5)
RETURNING template_category_id

-- name: change_category
-- Another name, place or order; the code stays, for templates say it.
UPDATE template_category SET parent_id = $2, name = $3, sort = $4 WHERE template_category_id = $1

-- name: category_in_use
-- Whether there are categories below it, or templates that say its code.
SELECT EXISTS (SELECT FROM template_category WHERE parent_id = $1)
       OR EXISTS (SELECT FROM template_alias WHERE enterprise_id = $2 AND said ->> 'classifyCode' = $3)

-- name: remove_category
-- One that nothing is in.
DELETE FROM template_category WHERE template_category_id = $1
