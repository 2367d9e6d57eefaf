-- What waits for somebody, runs, or went wrong, in numbers (as biaoshi_writer).

-- name: tasks
-- Everything in one look: the moment, the first day of 30 days ago, today, and the day 30 days ahead are given.
SELECT (SELECT count(*) FROM review WHERE state <> 'decided') AS reviews_open,
       (SELECT min(opened_at) FROM review WHERE state <> 'decided') AS oldest_review_at,
       (SELECT count(*) FROM batch WHERE state = 'running') AS batches_running,
       (SELECT count(*) FROM batch WHERE state = 'paused') AS batches_paused,
       (SELECT count(*) FROM service_request WHERE state IN ('open', 'in_progress')) AS requests_open,
       (SELECT count(*) FROM service_request WHERE state IN ('open', 'in_progress') AND due_at < $1) AS requests_overdue,
       (SELECT count(*) FROM enterprise
        WHERE valid_until >= $3 AND valid_until <= $4 AND state NOT IN ('rejected', 'closed')) AS enterprises_ending,
       (SELECT count(*) FROM enterprise
        WHERE valid_until < $3 AND state NOT IN ('rejected', 'closed')) AS enterprises_ended,
       (SELECT count(*) FROM counting_gap WHERE ended_at >= $2) AS gaps,
       (SELECT count(*) FROM outbox WHERE refused) AS messages_refused,
       (SELECT count(*) FROM instruction WHERE outcome IS NULL) AS instructions_open,
       (SELECT count(*) FROM authority_upload WHERE sent_at IS NULL) AS uploads_waiting
