-- Days counted again on demand: asked for by accounts, done by the steward.

-- name: add_recount
-- Waits for the steward.
INSERT INTO recount (recount_id, since, until, correct, asked_by, asked_at) VALUES ($1, $2, $3, $4, $5, $6)

-- name: recounts_waiting
-- How many are not done yet; whoever adds one holds the table's lock.
SELECT count(*) FROM recount WHERE state IN ('waiting', 'running')

-- name: lock_recounts
-- Two who ask at once are counted one after the other.
SELECT pg_advisory_xact_lock($1)

-- name: find_recount
-- One with all that came out.
SELECT r.recount_id, r.since, r.until, r.correct, r.asked_by, a.name AS asked_by_name, r.asked_at, r.state,
       r.days_done, r.ended_at, r.result, r.failure
FROM recount r LEFT JOIN account a ON a.account_id = r.asked_by
WHERE r.recount_id = $1

-- name: list_recounts
-- The newest first, by keyset; of what came out the sums alone.
SELECT r.recount_id, r.since, r.until, r.correct, r.asked_by, a.name AS asked_by_name, r.asked_at, r.state,
       r.days_done, r.ended_at, r.result - 'differences' AS result, r.failure
FROM recount r LEFT JOIN account a ON a.account_id = r.asked_by
WHERE r.recount_id < $1
ORDER BY r.recount_id DESC LIMIT $2

-- name: take_recount
-- The oldest that waits, or whose steward gave no sign of life; of several stewards one gets it.
UPDATE recount SET state = 'running', days_done = 0, touched_at = $1
WHERE recount_id = (
    SELECT recount_id FROM recount
    WHERE state = 'waiting' OR (state = 'running' AND touched_at < $2)
    ORDER BY recount_id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING recount_id, since, until, correct

-- name: note_day
-- A sign of life.
UPDATE recount SET days_done = $2, touched_at = $3 WHERE recount_id = $1

-- name: give_back
-- The steward ends or the database was away: it is begun again.
UPDATE recount SET state = 'waiting', days_done = 0 WHERE recount_id = $1

-- name: end_recount
-- What came out, or why nothing did.
UPDATE recount SET state = $2, ended_at = $3, touched_at = $3, result = $4::jsonb, failure = $5 WHERE recount_id = $1
