-- Documents of the node, version by version.

-- name: add_document
-- A draft; whoever makes the same version at the same moment is refused by document_name_unique.
INSERT INTO document (kind, name, document_version, title_zh, title_en, body, coding_rule_id, state, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
RETURNING document_id

-- name: newest_document_version
-- The number of the last version of a name.
SELECT document_version FROM document WHERE name = $1 ORDER BY document_version DESC LIMIT 1

-- name: find_document
-- One document as it stands.
SELECT document_id, kind, name, document_version, title_zh, title_en, body, coding_rule_id, state, version, created_at,
       updated_at, published_at
FROM document WHERE document_id = $1

-- name: lock_document
-- The same for a change.
SELECT document_id, kind, name, document_version, title_zh, title_en, body, coding_rule_id, state, version, created_at,
       updated_at, published_at
FROM document WHERE document_id = $1 FOR NO KEY UPDATE

-- name: published_document
-- What is in force under a name.
SELECT document_id, kind, name, document_version, title_zh, title_en, body, coding_rule_id, state, version, created_at,
       updated_at, published_at
FROM document WHERE name = $1 AND state = 'published'

-- name: lock_versions_of_document
-- All versions of the name of a document: whoever publishes another one waits, and so at most one is in force.
SELECT document_id, kind, name, document_version, title_zh, title_en, body, coding_rule_id, state, version, created_at,
       updated_at, published_at
FROM document WHERE name = (SELECT name FROM document WHERE document_id = $1)
ORDER BY document_version FOR NO KEY UPDATE

-- name: list_documents
-- In the order of creation, by keyset; the texts are left out.
SELECT document_id, kind, name, document_version, title_zh, title_en, '' AS body, coding_rule_id, state, version,
       created_at, updated_at, published_at
FROM document
WHERE document_id > $1::bigint AND state = $2 AND ($3::text IS NULL OR kind = $3)
ORDER BY document_id LIMIT $4

-- name: change_document
-- What a draft says, on a row that the transaction has locked.
UPDATE document SET kind = $2, title_zh = $3, title_en = $4, body = $5, coding_rule_id = $6, version = $7,
       updated_at = $8
WHERE document_id = $1

-- name: move_document
-- Another state for a row that the transaction has locked.
UPDATE document SET state = $2, version = $3, updated_at = $4, published_at = coalesce($5, published_at)
WHERE document_id = $1
