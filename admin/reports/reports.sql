-- Reports (as biaoshi_writer).

-- name: node_of_report
-- Which node it is, and whether everything that it says carries the mark of a laboratory.
SELECT node_id, laboratory FROM node_state

-- name: enterprise_of_report
-- Whose statement it is.
SELECT name, coalesce(credit_code, '') AS credit_code FROM enterprise WHERE enterprise_id = $1

-- name: prefixes_applied_for
-- How many prefixes were applied for in a time.
SELECT count(*) FROM prefix WHERE created_at >= $1 AND created_at < $2

-- name: batches_of_window
-- Batches that began in a time, by what they did and what became of them.
SELECT operation, state, count(*) AS batches, sum(registered + changed)::bigint AS done,
       sum(unchanged)::bigint AS unchanged, sum(rejected)::bigint AS rejected
FROM batch WHERE created_at >= $1 AND created_at < $2 GROUP BY operation, state ORDER BY operation, state

-- name: requests_of_window
-- Service requests and complaints of a time; overdue: answered after they were due, or not yet at the end of it.
SELECT kind, count(*) AS received, count(*) FILTER (WHERE answered_at IS NOT NULL) AS answered,
       count(*) FILTER (WHERE coalesce(answered_at, $2) > due_at) AS overdue
FROM service_request WHERE created_at >= $1 AND created_at < $2 GROUP BY kind ORDER BY kind

-- name: instructions_of_window
-- What the node above told us to do in a time, and how it ended.
SELECT kind, count(*) AS received, count(*) FILTER (WHERE outcome = 'done') AS done,
       count(*) FILTER (WHERE outcome IN ('refused', 'failed')) AS not_done, count(*) FILTER (WHERE outcome IS NULL) AS open
FROM instruction WHERE received_at >= $1 AND received_at < $2 GROUP BY kind ORDER BY kind

-- name: refused_messages_of_window
-- Messages of a time that the node above will never take.
SELECT count(*) FROM outbox WHERE refused AND created_at >= $1 AND created_at < $2

-- name: log_files_of_window
-- Log files that were made in a time.
SELECT kind, count(*) AS files, count(delivered_at) AS delivered, sum(rows)::bigint AS rows
FROM log_file WHERE made_at >= $1 AND made_at < $2 GROUP BY kind ORDER BY kind

-- name: takeovers_of_window
-- Emergency takeovers and exercises that began in a time.
SELECT drill, count(*) AS takeovers FROM takeover WHERE began_at >= $1 AND began_at < $2 GROUP BY drill ORDER BY drill

-- Kept -----------------------------------------------------------------------------------------------

-- name: hold_window
-- Editions of one window are made one after another; the lock ends with the transaction.
SELECT pg_advisory_xact_lock(hashtextextended($1, 7))

-- name: newest_edition
-- What is kept of a window last.
SELECT r.report_id, r.number, r.kind, r.profile, r.enterprise_id, e.name AS enterprise, r.since, r.until, r.edition,
       r.sha256, r.made_at, r.made_by
FROM report r LEFT JOIN enterprise e ON e.enterprise_id = r.enterprise_id
WHERE r.kind = $1 AND r.profile = $2 AND r.enterprise_id IS NOT DISTINCT FROM $3 AND r.since = $4 AND r.until = $5
ORDER BY r.edition DESC LIMIT 1

-- name: add_report
-- One edition.
INSERT INTO report (report_id, kind, profile, enterprise_id, since, until, edition, body, sha256, made_at, made_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)

-- name: list_reports
-- The newest first, before a number, of a kind or an enterprise where one is named; without their data.
SELECT r.report_id, r.number, r.kind, r.profile, r.enterprise_id, e.name AS enterprise, r.since, r.until, r.edition,
       r.sha256, r.made_at, r.made_by
FROM report r LEFT JOIN enterprise e ON e.enterprise_id = r.enterprise_id
WHERE r.number < $1 AND ($2::text IS NULL OR r.kind = $2) AND ($3::uuid IS NULL OR r.enterprise_id = $3)
ORDER BY r.number DESC LIMIT $4

-- name: find_report
-- One with its data.
SELECT r.report_id, r.number, r.kind, r.profile, r.enterprise_id, e.name AS enterprise, r.since, r.until, r.edition,
       r.sha256, r.made_at, r.made_by, r.body
FROM report r LEFT JOIN enterprise e ON e.enterprise_id = r.enterprise_id
WHERE r.report_id = $1

-- Schedules ------------------------------------------------------------------------------------------

-- name: list_schedules
-- All of them.
SELECT kind, profile, enabled, every, day, hour, made_until, version, updated_at FROM report_schedule ORDER BY kind

-- name: hold_schedule
-- One, held until the transaction ends.
SELECT kind, profile, enabled, every, day, hour, made_until, version, updated_at FROM report_schedule
WHERE kind = $1 FOR UPDATE

-- name: set_schedule
-- As it shall be; periods that were made stay made, but for another profile or period.
INSERT INTO report_schedule AS known (kind, profile, enabled, every, day, hour, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (kind) DO UPDATE SET
    made_until = CASE WHEN (known.profile, known.every) = (EXCLUDED.profile, EXCLUDED.every) THEN known.made_until END,
    profile = EXCLUDED.profile, enabled = EXCLUDED.enabled, every = EXCLUDED.every, day = EXCLUDED.day,
    hour = EXCLUDED.hour, version = known.version + 1, updated_at = EXCLUDED.updated_at
RETURNING kind, profile, enabled, every, day, hour, made_until, version, updated_at

-- name: note_made_until
-- A period is made, unless the schedule is another one meanwhile.
UPDATE report_schedule SET made_until = $2 WHERE kind = $1 AND version = $3 AND (made_until IS NULL OR made_until < $2)
