-- Files that attributes name.

-- name: files_named
-- What the enterprise has of these.
SELECT sha256, name, media_type FROM file WHERE enterprise_id = $1 AND sha256 = ANY ($2::bytea[])
