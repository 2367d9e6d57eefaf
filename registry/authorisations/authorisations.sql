-- Application identities and their groups, scopes and grants of data.

-- Application identities ----------------------------------------------------------------------------

-- name: add_identity
-- The account and its handle together; account_name_unique and application_identity_handle_unique refuse what is taken.
WITH made AS (
    INSERT INTO account (account_id, name, role, enterprise_id, password_hash, state, created_at, updated_at)
    VALUES ($1, $2, 'application', $3, $4, 'active', $5, $5)
)
INSERT INTO application_identity (account_id, handle, handle_key, enterprise_id, title, public_key, created_at, updated_at)
VALUES ($1, $6, $7, $3, $8, $9, $5, $5)

-- name: find_identities
-- Identities by the keys of their handles.
SELECT i.account_id, i.handle, i.handle_key, i.enterprise_id, i.title, i.public_key, i.created_at, i.updated_at,
       a.name, a.state, e.name AS enterprise_name
FROM application_identity i JOIN account a ON a.account_id = i.account_id
JOIN enterprise e ON e.enterprise_id = i.enterprise_id
WHERE i.handle_key = ANY ($1::text[])

-- name: lock_identity
-- One identity for a change, with its account.
SELECT i.account_id, i.handle, i.handle_key, i.enterprise_id, i.title, i.public_key, i.created_at, i.updated_at,
       a.name, a.state, e.name AS enterprise_name
FROM application_identity i JOIN account a ON a.account_id = i.account_id
JOIN enterprise e ON e.enterprise_id = i.enterprise_id
WHERE i.handle_key = $1 FOR NO KEY UPDATE OF i, a

-- name: list_identities
-- By handle, by keyset.
SELECT i.account_id, i.handle, i.handle_key, i.enterprise_id, i.title, i.public_key, i.created_at, i.updated_at,
       a.name, a.state, e.name AS enterprise_name
FROM application_identity i JOIN account a ON a.account_id = i.account_id
JOIN enterprise e ON e.enterprise_id = i.enterprise_id
WHERE ($1::uuid IS NULL OR i.enterprise_id = $1) AND i.handle_key > $2
ORDER BY i.handle_key LIMIT $3

-- name: handles_of_accounts
-- What accounts are called as identities.
SELECT account_id, handle FROM application_identity WHERE account_id = ANY ($1::uuid[])

-- name: change_identity
-- Another title or key.
UPDATE application_identity SET title = $2, public_key = $3, updated_at = $4 WHERE account_id = $1

-- name: turn_identity
-- Disabled, its tokens work no more; enabled, the count of wrong passwords begins anew.
UPDATE account SET state = $2, failures = 0, locked_until = NULL, updated_at = $3 WHERE account_id = $1

-- Groups --------------------------------------------------------------------------------------------

-- name: add_group
-- identity_group_handle_unique refuses a handle that is taken.
INSERT INTO identity_group (enterprise_id, handle, handle_key, title, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $5) RETURNING identity_group_id

-- name: find_groups
-- Groups by the keys of their handles.
SELECT g.identity_group_id, g.enterprise_id, g.handle, g.handle_key, g.title, g.version, g.created_at, g.updated_at,
       e.name AS enterprise_name
FROM identity_group g JOIN enterprise e ON e.enterprise_id = g.enterprise_id
WHERE g.handle_key = ANY ($1::text[])

-- name: hold_groups
-- The same, held against their removal: whoever grants to them or imports them takes this lock before any other.
SELECT g.identity_group_id, g.enterprise_id, g.handle, g.handle_key, g.title, g.version, g.created_at, g.updated_at,
       e.name AS enterprise_name
FROM identity_group g JOIN enterprise e ON e.enterprise_id = g.enterprise_id
WHERE g.handle_key = ANY ($1::text[]) ORDER BY g.identity_group_id FOR KEY SHARE OF g

-- name: lock_group
-- One group for a change of it or of its members.
SELECT g.identity_group_id, g.enterprise_id, g.handle, g.handle_key, g.title, g.version, g.created_at, g.updated_at,
       e.name AS enterprise_name
FROM identity_group g JOIN enterprise e ON e.enterprise_id = g.enterprise_id
WHERE g.handle_key = $1 FOR UPDATE OF g

-- name: list_groups
-- Own groups and those that were imported, by handle, by keyset; without an enterprise, all.
SELECT g.identity_group_id, g.enterprise_id, g.handle, g.handle_key, g.title, g.version, g.created_at, g.updated_at,
       e.name AS enterprise_name
FROM identity_group g JOIN enterprise e ON e.enterprise_id = g.enterprise_id
WHERE g.handle_key > $2 AND ($1::uuid IS NULL OR g.enterprise_id = $1 OR EXISTS (
    SELECT FROM identity_group_import i WHERE i.enterprise_id = $1 AND i.identity_group_id = g.identity_group_id))
ORDER BY g.handle_key LIMIT $3

-- name: change_group
-- Another title.
UPDATE identity_group SET title = $2, version = $3, updated_at = $4 WHERE identity_group_id = $1

-- name: remove_group
-- With it go its members, imports and grants.
DELETE FROM identity_group WHERE identity_group_id = $1

-- name: members_of_groups
-- Who stands in these groups.
SELECT m.identity_group_id, i.handle FROM identity_group_member m
JOIN application_identity i ON i.account_id = m.account_id
WHERE m.identity_group_id = ANY ($1::integer[]) ORDER BY i.handle_key

-- name: clear_group
-- Before its members are written anew.
DELETE FROM identity_group_member WHERE identity_group_id = $1

-- name: add_members
-- Identities of the group's own enterprise.
INSERT INTO identity_group_member (identity_group_id, account_id) SELECT $1, unnest($2::uuid[])

-- name: import_group
-- From now on the enterprise may grant to it.
INSERT INTO identity_group_import (enterprise_id, identity_group_id, imported_at) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING

-- name: drop_import
-- It may no longer.
DELETE FROM identity_group_import WHERE enterprise_id = $1 AND identity_group_id = $2

-- name: importers_of_group
-- Which enterprises may grant to a group.
SELECT i.enterprise_id, e.name, i.imported_at FROM identity_group_import i
JOIN enterprise e ON e.enterprise_id = i.enterprise_id
WHERE i.identity_group_id = $1 ORDER BY i.imported_at, i.enterprise_id

-- name: imported
-- Which of these groups an enterprise has imported; held, so that a grant does not outlive the import.
SELECT identity_group_id FROM identity_group_import
WHERE enterprise_id = $1 AND identity_group_id = ANY ($2::integer[]) FOR SHARE

-- name: any_grant_to_group
-- Whether an enterprise has granted anything to a group.
SELECT EXISTS (SELECT FROM data_grant WHERE enterprise_id = $1 AND identity_group_id = $2)

-- Scopes --------------------------------------------------------------------------------------------

-- name: put_class_scope
-- What the public reads of one attribute of a class.
INSERT INTO class_scope (enterprise_id, template_name, attribute, readable) VALUES ($1, $2, $3, $4)
ON CONFLICT (enterprise_id, template_name, attribute) DO UPDATE SET readable = excluded.readable

-- name: drop_class_scope
-- The attribute follows the class again.
DELETE FROM class_scope WHERE enterprise_id = $1 AND template_name = $2 AND attribute = $3

-- name: class_scopes
-- The scopes of an enterprise, of one class or of all.
SELECT template_name, attribute, readable FROM class_scope
WHERE enterprise_id = $1 AND ($2::text IS NULL OR template_name = $2) ORDER BY template_name, attribute

-- name: prefixes_in_use
-- Whose answers change with a scope of the enterprise's classes.
SELECT prefix FROM prefix WHERE enterprise_id = $1 AND state NOT IN ('rejected', 'refused')

-- name: put_identifier_scope
-- The identifier follows its class no more.
INSERT INTO identifier_scope (prefix_id, suffix_key, readable) VALUES ($1, $2, $3)
ON CONFLICT (prefix_id, suffix_key) DO UPDATE SET readable = excluded.readable

-- name: drop_identifier_scope
-- It follows its class again.
DELETE FROM identifier_scope WHERE prefix_id = $1 AND suffix_key = $2 RETURNING readable

-- name: identifier_scope
-- Whether it follows its class, and if not, what the public reads.
SELECT readable FROM identifier_scope WHERE prefix_id = $1 AND suffix_key = $2

-- name: hold_identifier_scope
-- The same for a grant, which ends with it.
SELECT readable FROM identifier_scope WHERE prefix_id = $1 AND suffix_key = $2 FOR SHARE

-- name: carry_class_scopes
-- Classes of one enterprise that another has not said anything about: what was hidden stays hidden.
INSERT INTO class_scope (enterprise_id, template_name, attribute, readable)
SELECT $2, given.template_name, given.attribute, given.readable FROM class_scope given
WHERE given.enterprise_id = $1
      AND NOT EXISTS (SELECT FROM class_scope own WHERE own.enterprise_id = $2 AND own.template_name = given.template_name)

-- Grants --------------------------------------------------------------------------------------------

-- name: add_grant
-- One grant; nothing if it stands.
INSERT INTO data_grant (enterprise_id, template_name, attribute, prefix_id, suffix_key, access, account_id,
                        identity_group_id, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT DO NOTHING RETURNING data_grant_id

-- name: drop_grant
-- One grant, if it stands.
DELETE FROM data_grant
WHERE enterprise_id = $1 AND template_name IS NOT DISTINCT FROM $2::text AND attribute IS NOT DISTINCT FROM $3::text
      AND prefix_id IS NOT DISTINCT FROM $4::integer AND suffix_key IS NOT DISTINCT FROM $5::text AND access = $6
      AND account_id IS NOT DISTINCT FROM $7::uuid AND identity_group_id IS NOT DISTINCT FROM $8::integer
RETURNING data_grant_id

-- name: drop_grants_of_identifier
-- They end with its own scope.
DELETE FROM data_grant WHERE prefix_id = $1 AND suffix_key = $2

-- name: list_grants
-- What an enterprise has granted, by number, by keyset: of all, of one class, or of one identifier.
SELECT d.data_grant_id, d.enterprise_id, d.template_name, d.attribute, d.prefix_id, p.prefix, d.suffix_key, d.access,
       coalesce(i.handle, g.handle) AS grantee, d.created_at
FROM data_grant d LEFT JOIN prefix p ON p.prefix_id = d.prefix_id
LEFT JOIN application_identity i ON i.account_id = d.account_id
LEFT JOIN identity_group g ON g.identity_group_id = d.identity_group_id
WHERE d.data_grant_id > $1 AND ($2::uuid IS NULL OR d.enterprise_id = $2)
      AND ($3::text IS NULL OR d.template_name = $3)
      AND ($4::integer IS NULL OR (d.prefix_id = $4 AND d.suffix_key = $5::text))
ORDER BY d.data_grant_id LIMIT $6

-- name: list_grants_to
-- What has been granted to the identities and groups of an enterprise, by number, by keyset.
SELECT d.data_grant_id, d.enterprise_id, d.template_name, d.attribute, d.prefix_id, p.prefix, d.suffix_key, d.access,
       coalesce(i.handle, g.handle) AS grantee, d.created_at
FROM data_grant d LEFT JOIN prefix p ON p.prefix_id = d.prefix_id
LEFT JOIN application_identity i ON i.account_id = d.account_id
LEFT JOIN identity_group g ON g.identity_group_id = d.identity_group_id
WHERE d.data_grant_id > $1 AND coalesce(i.enterprise_id, g.enterprise_id) = $2
ORDER BY d.data_grant_id LIMIT $3

-- name: accesses
-- What an identity may do with an identifier, itself and by its groups: by the grants of the identifier if it has a
-- scope of its own, else by those of its class.
SELECT DISTINCT d.attribute, d.access FROM data_grant d
WHERE (d.account_id = $1 OR d.identity_group_id IN (
          SELECT m.identity_group_id FROM identity_group_member m WHERE m.account_id = $1))
      AND d.enterprise_id = $2
      AND CASE WHEN EXISTS (SELECT FROM identifier_scope s WHERE s.prefix_id = $3 AND s.suffix_key = $4)
               THEN d.prefix_id = $3 AND d.suffix_key = $4
               ELSE d.template_name = $5 END

-- name: hidden_indexes
-- The attributes of an identifier that the public does not read.
SELECT hidden_indexes($1, $2, $3, $4)

-- name: name_of_enterprise
-- Who grants, for those who are told.
SELECT name FROM enterprise WHERE enterprise_id = $1
