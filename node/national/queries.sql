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
-- The far side has them, now or since an earlier attempt, whose failure is of no interest any more.
UPDATE outbox SET delivered_at = $2, attempts = attempts + 1, last_error = NULL
WHERE message_id = ANY($1::uuid[]) AND delivered_at IS NULL

-- name: mark_refused
-- The far side will never take them: they stop waiting, and say why for ever.
UPDATE outbox SET delivered_at = $3, attempts = attempts + 1, last_error = r.reason, refused = true
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

-- name: last_verdict
-- The newest verification result that has been applied.
SELECT last_verdict FROM national_state

-- name: remember_verdict
-- Written only after the result was applied; applying twice does no harm, forgetting would.
UPDATE national_state SET last_verdict = $1 WHERE last_verdict < $1

-- name: note_link
-- For operators and for other processes: how the link is, as the steward knows it. What failed before it started
-- has failed since then.
UPDATE national_state
SET last_contact_at = coalesce($1, last_contact_at), last_error = $3,
    failing_since = CASE WHEN $2::timestamptz IS NOT NULL THEN least(failing_since, $2) END

-- name: note_offers
-- What the node above has to offer, by its own word.
UPDATE national_state SET offers = $1

-- name: oldest_waiting
-- Since when the oldest message of any stream waits, by one index step for each stream.
WITH RECURSIVE waiting AS (
    (SELECT stream, created_at FROM outbox WHERE delivered_at IS NULL ORDER BY stream, outbox_id LIMIT 1)
    UNION ALL
    SELECT next.stream, next.created_at FROM waiting w
    CROSS JOIN LATERAL (
        SELECT stream, created_at FROM outbox
        WHERE delivered_at IS NULL AND stream > w.stream ORDER BY stream, outbox_id LIMIT 1
    ) next
)
SELECT min(created_at) FROM waiting

-- name: purge_delivered
-- A portion of what the node above has had for long; what it refused stays, with its reason.
DELETE FROM outbox
WHERE message_id = ANY (ARRAY(
    SELECT message_id FROM outbox WHERE delivered_at < $1 AND NOT refused ORDER BY delivered_at LIMIT $2
))

-- name: hold_reported_route
-- Where the node above was last told that we answer; one reporter at a time.
SELECT reported_route::text AS reported_route FROM national_state FOR UPDATE

-- name: note_reported_route
-- Together with the message that says so.
UPDATE national_state SET reported_route = $1

-- name: seek_leadership
-- One steward of one database at a time; the lock ends with its connection.
SELECT pg_try_advisory_lock($1)
