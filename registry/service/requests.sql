-- Service requests and complaints.

-- name: add_service_request
-- A new one; contact and digest are of somebody without an account.
INSERT INTO service_request (service_request_id, number, kind, enterprise_id, account_id, subject, about, contact,
                             query_digest, state, due_at, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)

-- name: add_entry
-- What was said is only added to.
INSERT INTO service_request_entry (service_request_id, account_id, said, internal, created_at)
VALUES ($1, $2, $3, $4, $5)

-- name: change_service_request
-- The next state of one.
UPDATE service_request
SET state = $2, due_at = $3, answered_at = $4, handled_by = $5, version = $6, updated_at = $7
WHERE service_request_id = $1

-- name: find_service_request
-- One, to look at.
SELECT service_request_id, number, kind, enterprise_id, account_id, subject, about, contact, state, due_at,
       answered_at, handled_by, version, created_at, updated_at
FROM service_request
WHERE service_request_id = $1

-- name: lock_service_request
-- One, to change.
SELECT service_request_id, number, kind, enterprise_id, account_id, subject, about, contact, state, due_at,
       answered_at, handled_by, version, created_at, updated_at
FROM service_request
WHERE service_request_id = $1
FOR UPDATE

-- name: complaint_by_number
-- One of somebody without an account, who knows the code that belongs to the number.
SELECT service_request_id, number, kind, enterprise_id, account_id, subject, about, query_digest, state, due_at,
       answered_at, handled_by, version, created_at, updated_at
FROM service_request
WHERE number = $1 AND query_digest IS NOT NULL
FOR UPDATE

-- name: list_service_requests
-- What waits for an answer before the rest, the longest due first; by keyset on that order.
SELECT service_request_id, number, kind, enterprise_id, account_id, subject, about, state, due_at, answered_at,
       handled_by, version, created_at, updated_at
FROM service_request
WHERE (state IN ('answered', 'closed'), due_at, service_request_id) > ($1::boolean, $2::timestamptz, $3::uuid)
      AND ($4::text IS NULL OR state = $4)
      AND ($5::text IS NULL OR kind = $5)
      AND ($6::uuid IS NULL OR enterprise_id = $6)
      AND ($7::timestamptz IS NULL OR (state IN ('open', 'in_progress') AND due_at < $7))
ORDER BY state IN ('answered', 'closed'), due_at, service_request_id
LIMIT $8

-- name: entries_of_request
-- With the role of whoever spoke; notes among staff only for those who may read them.
SELECT entry.service_request_entry_id, entry.account_id, account.role, entry.said, entry.internal, entry.created_at
FROM service_request_entry entry
LEFT JOIN account ON account.account_id = entry.account_id
WHERE entry.service_request_id = $1 AND ($2::boolean OR NOT entry.internal)
ORDER BY entry.service_request_entry_id
LIMIT 1000

-- name: count_entries
-- So that one request does not grow without bound.
SELECT count(*) FROM service_request_entry WHERE service_request_id = $1

-- name: count_waiting_complaints
-- How many unanswered complaints of people without an account there are.
SELECT count(*) FROM service_request WHERE query_digest IS NOT NULL AND state IN ('open', 'in_progress')
