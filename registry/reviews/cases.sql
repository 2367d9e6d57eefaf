-- What the transaction of a review's subject writes of the review.

-- name: open_review
-- One review at a time is open about a thing: what is put before the reviewers again is looked at from the beginning.
INSERT INTO review (review_id, subject_kind, subject_id, enterprise_id, occasion, state, opened_at)
VALUES ($1, $2, $3, $4, $5, 'waiting', $6)
ON CONFLICT (subject_kind, subject_id) WHERE state <> 'decided' DO UPDATE
SET enterprise_id = EXCLUDED.enterprise_id, occasion = EXCLUDED.occasion, state = 'waiting', claimed_by = NULL,
    claimed_until = NULL, first_approval_by = NULL, first_approval_at = NULL, opened_at = EXCLUDED.opened_at
RETURNING review_id

-- name: lock_open_review
-- For its settlement; there is at most one.
SELECT review_id, subject_kind, subject_id, enterprise_id, claimed_by, claimed_until, first_approval_by
FROM review
WHERE subject_kind = $1 AND subject_id = $2 AND state <> 'decided'
FOR UPDATE

-- name: approve_first
-- The first of two approvals gives the claim back, for it has to be another who takes it now.
UPDATE review
SET state = 'seconding', first_approval_by = $2, first_approval_at = $3, claimed_by = NULL, claimed_until = NULL
WHERE review_id = $1

-- name: decide_review
-- The end of a review: what was decided, why and by whom stays.
UPDATE review
SET state = 'decided', outcome = $2, reasons = $3::jsonb, decided_by = $4, decided_at = $5, claimed_by = NULL,
    claimed_until = NULL
WHERE review_id = $1

-- name: drop_review
-- Who asked for it has withdrawn: nobody decided.
UPDATE review
SET state = 'decided', outcome = 'withdrawn', decided_at = $3, claimed_by = NULL, claimed_until = NULL
WHERE subject_kind = $1 AND subject_id = $2 AND state <> 'decided'
