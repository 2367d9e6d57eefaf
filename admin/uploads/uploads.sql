-- Uploads to a city authority (as biaoshi_writer).

-- name: enterprise_facts
-- What statistics do not tell of an enterprise.
SELECT enterprise_id, coalesce(credit_code, '') AS credit_code, coalesce(division_code, '') AS division_code
FROM enterprise

-- name: uploaded_until
-- The end of the newest period that was made by a profile, delivered or not.
SELECT max(until) FROM authority_upload WHERE profile = $1

-- name: add_upload
-- Once for each period: nothing when it is there already.
INSERT INTO authority_upload (upload_id, profile, since, until, body, sha256, made_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (profile, since, until) DO NOTHING
RETURNING number

-- name: waiting_upload
-- The oldest that was not received yet.
SELECT upload_id, since, until, body FROM authority_upload
WHERE sent_at IS NULL ORDER BY number LIMIT 1

-- name: note_receipt
-- It was received: what the authority answered is kept as it came.
UPDATE authority_upload SET sent_at = $2, status = $3, receipt = $4, attempts = attempts + 1, last_error = ''
WHERE upload_id = $1 AND sent_at IS NULL

-- name: note_attempt
-- In vain; it keeps waiting.
UPDATE authority_upload SET status = $2, last_error = $3, attempts = attempts + 1 WHERE upload_id = $1 AND sent_at IS NULL

-- name: list_uploads
-- The newest first, before a number, without their contents.
SELECT upload_id, number, profile, since, until, sha256, made_at, attempts, last_error, sent_at, status
FROM authority_upload WHERE number < $1 ORDER BY number DESC LIMIT $2

-- name: upload_of_period
-- The one that a period has, without its content.
SELECT upload_id, number, profile, since, until, sha256, made_at, attempts, last_error, sent_at, status
FROM authority_upload WHERE profile = $1 AND since = $2 AND until = $3

-- name: find_upload
-- One with its content and receipt.
SELECT upload_id, number, profile, since, until, sha256, made_at, attempts, last_error, sent_at, status, body, receipt
FROM authority_upload WHERE upload_id = $1

-- name: uploads_waiting
-- How many wait.
SELECT count(*) FROM authority_upload WHERE sent_at IS NULL
