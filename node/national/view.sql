-- What operators see of the conversation with the node above (as biaoshi_writer).

-- name: conversation
-- How far it has come, by the steward's own notes.
SELECT last_contact_at, failing_since, last_error, offers::text AS offers, last_verdict, last_instruction,
       standby_position, standby_at,
       (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM identifier_history_history_id_seq) AS newest_position,
       (SELECT count(*) FROM count_to_state) AS counts_waiting,
       (SELECT count(*) FROM outbox WHERE refused) AS refused,
       (SELECT count(*) FROM instruction WHERE outcome IS NULL) AS instructions_open
FROM national_state

-- name: backlog_by_stream
-- The first streams with waiting messages: how many, and since when the oldest of each waits.
WITH RECURSIVE waiting AS (
    (SELECT stream FROM outbox WHERE delivered_at IS NULL ORDER BY stream LIMIT 1)
    UNION ALL
    SELECT (SELECT o.stream FROM outbox o WHERE o.delivered_at IS NULL AND o.stream > w.stream ORDER BY o.stream LIMIT 1)
    FROM waiting w WHERE w.stream IS NOT NULL
)
SELECT w.stream, counted.messages, oldest.created_at AS oldest_at
FROM (SELECT stream FROM waiting WHERE stream IS NOT NULL LIMIT $1) w
CROSS JOIN LATERAL (
    SELECT count(*) AS messages FROM outbox WHERE delivered_at IS NULL AND outbox.stream = w.stream
) counted
CROSS JOIN LATERAL (
    SELECT created_at FROM outbox WHERE delivered_at IS NULL AND outbox.stream = w.stream ORDER BY outbox_id LIMIT 1
) oldest
ORDER BY w.stream

-- name: key_in_use
-- Never its secret.
SELECT access_key, issued_at FROM national_credential ORDER BY issued_at DESC LIMIT 1

-- name: newest_access_application
-- Never its secret.
SELECT application_id, state, reason, created_at, decided_at FROM national_application ORDER BY created_at DESC LIMIT 1

-- name: takeover_under_way
-- The real one before an exercise.
SELECT takeover_id, drill, began_at FROM takeover WHERE ended_at IS NULL ORDER BY drill, began_at DESC LIMIT 1

-- name: log_files_waiting
-- Made, and not delivered yet.
SELECT count(*) AS files, coalesce(sum(rows), 0)::bigint AS rows, coalesce(sum(bytes), 0)::bigint AS bytes
FROM log_file WHERE delivered_at IS NULL

-- name: refused_messages
-- The newest first.
SELECT outbox_id, message_id, stream, kind, body::text AS body, created_at, delivered_at AS refused_at, last_error AS reason
FROM outbox WHERE refused AND outbox_id < $1 ORDER BY outbox_id DESC LIMIT $2

-- name: instructions_received
-- The newest first.
SELECT sequence, instruction_id, kind, body::text AS body, issued_at, received_at, attempts, outcome, detail, answered_at
FROM instruction WHERE sequence < $1 ORDER BY sequence DESC LIMIT $2
