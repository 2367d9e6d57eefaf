-- The contacts that nodes before schema 4 kept in clear.

-- name: lock_old_contacts
-- Some of them, each for one worker.
SELECT enterprise_id, contact_name, contact_phone, contact_email FROM enterprise
WHERE personal IS NULL AND (contact_name <> '' OR contact_phone <> '' OR contact_email <> '')
LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED

-- name: seal_old_contact
-- From now on only sealed; neither version nor time of change, for nobody acted.
UPDATE enterprise SET personal = $2, contact_name = '', contact_phone = '', contact_email = '' WHERE enterprise_id = $1
