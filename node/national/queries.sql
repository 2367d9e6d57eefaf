-- name: drawn_so_far
-- The newest outbox_id that any transaction has drawn, committed or not.
SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS drawn FROM outbox_outbox_id_seq

-- name: transactions_now
-- A transaction number above all given out so far (it uses one up), and the oldest that was still open just before.
SELECT pg_current_xact_id()::text::bigint AS next, pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest_open

-- name: waiting_streams
-- Names of streams with waiting messages after $1, by one index step each, however many messages they hold.
WITH RECURSIVE waiting AS (
    (SELECT stream FROM outbox WHERE delivered_at IS NULL AND stream > $1 ORDER BY stream LIMIT 1)
    UNION ALL
    SELECT (SELECT o.stream FROM outbox o WHERE o.delivered_at IS NULL AND o.stream > w.stream ORDER BY o.stream LIMIT 1)
    FROM waiting w WHERE w.stream IS NOT NULL
)
SELECT stream FROM waiting WHERE stream IS NOT NULL AND stream <> ALL($2::text[]) LIMIT $3

-- name: waiting_messages
-- The first $3 messages of each of these streams, up to the settled outbox_id.
SELECT o.message_id, o.outbox_id, o.stream, o.kind, o.body, o.created_at
FROM unnest($1::text[]) AS s(stream)
CROSS JOIN LATERAL (
    SELECT message_id, outbox_id, stream, kind, body::text AS body, created_at
    FROM outbox
    WHERE delivered_at IS NULL AND outbox.stream = s.stream AND outbox_id <= $2
    ORDER BY outbox_id LIMIT $3
) o
ORDER BY o.stream, o.outbox_id

-- name: mark_delivered
-- The far side has them, now or since an earlier attempt.
UPDATE outbox SET delivered_at = $2, attempts = attempts + 1 WHERE message_id = ANY($1::uuid[]) AND delivered_at IS NULL

-- name: mark_refused
-- The far side will never take them: they stop waiting, and say why for ever.
UPDATE outbox SET delivered_at = $3, attempts = attempts + 1, last_error = r.reason
FROM unnest($1::uuid[], $2::text[]) AS r(message_id, reason)
WHERE outbox.message_id = r.message_id AND delivered_at IS NULL

-- name: mark_failed
-- Tried in vain; they keep waiting.
UPDATE outbox SET attempts = attempts + 1, last_error = $2 WHERE message_id = ANY($1::uuid[]) AND delivered_at IS NULL

-- name: backlog
-- How many messages wait, by an index of nothing else.
SELECT count(*) FROM outbox WHERE delivered_at IS NULL

-- name: sender
-- Who reports: read again for every delivery, so that a node that became a laboratory says so at once.
SELECT node_id, laboratory FROM node_state

-- name: registrations_by_day
-- Days of China as they are tallied, the first and the last included.
SELECT day, sum(registered)::bigint AS registered, sum(updated)::bigint AS updated, sum(deleted)::bigint AS deleted,
       sum(suspended)::bigint AS suspended, sum(resumed)::bigint AS resumed
FROM registration_by_day
WHERE day BETWEEN $1 AND $2
GROUP BY day

-- name: resolutions_by_day
-- Days of China as they are summed up, the first and the last included, whatever process counted.
SELECT day, interface, outcome, sum(resolutions)::bigint AS resolutions
FROM resolution_day
WHERE day BETWEEN $1 AND $2 AND resolutions > 0
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3

-- name: last_verdict
-- The newest verification result that has been applied.
SELECT last_verdict FROM national_state

-- name: remember_verdict
-- Written only after the result was applied; applying twice does no harm, forgetting would.
UPDATE national_state SET last_verdict = $1 WHERE last_verdict < $1

-- name: remember_contact
-- For the operator's page: when the national node last answered.
UPDATE national_state SET last_contact_at = $1

-- name: seek_leadership
-- One steward of one database at a time; the lock ends with its connection.
SELECT pg_try_advisory_lock($1)
