-- Who besides its owner may use a template.

-- name: add_template_grant
-- Nothing comes back when it is granted already.
INSERT INTO template_grant (enterprise_id, name, grantee, created_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (enterprise_id, name, grantee) DO NOTHING RETURNING grantee

-- name: remove_template_grant
-- Nothing comes back when it was not granted.
DELETE FROM template_grant WHERE enterprise_id = $1 AND name = $2 AND grantee = $3 RETURNING grantee

-- name: list_template_grants
-- The grants of a template, the oldest first.
SELECT grantee, created_at FROM template_grant WHERE enterprise_id = $1 AND name = $2 ORDER BY created_at, grantee

-- name: forget_template_grants
-- Those of a template that is gone.
DELETE FROM template_grant WHERE enterprise_id = $1 AND name = $2

-- name: names_of_enterprises
-- Of the owner and of whom it is granted to, so that the one can be told of the other.
SELECT enterprise_id, name FROM enterprise WHERE enterprise_id = ANY ($1::uuid[])
