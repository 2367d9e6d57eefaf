-- name: begin_takeover
-- One of a node at a time, drills included.
INSERT INTO docked_takeover (takeover_id, delegated_prefix, drill, state, reason, began_at) VALUES ($1, $2, $3, 'active', $4, $5)

-- name: hand_back
-- It answers on until the node has brought what changed; asking again asks the node again.
UPDATE docked_takeover SET state = 'handing_back' WHERE takeover_id = $1 AND state <> 'ended' AND NOT drill
RETURNING delegated_prefix

-- name: takeover_instruction
-- Which step of a takeover an answer belongs to.
SELECT body::text FROM docked_instruction WHERE instruction_id = $1 AND delegated_prefix = $2 AND kind = 'takeover'

-- name: note_report
-- The report of one step beside those of the others; an answer that comes after the end changes nothing, and a late
-- one to the beginning does not call a handing back off.
UPDATE docked_takeover
SET state = CASE WHEN $5 AND state = 'handing_back' THEN state ELSE $2 END, ended_at = $3,
    report = coalesce(report, '{}') || $4::jsonb
WHERE takeover_id = $1 AND state <> 'ended'

-- name: count_answers
-- Answers given in the place of the node.
UPDATE docked_takeover SET answered = answered + $2 WHERE takeover_id = $1

-- name: list_takeovers
-- The newest first.
SELECT takeover_id, delegated_prefix, drill, state, reason, began_at, ended_at, answered, report::text
FROM docked_takeover ORDER BY began_at DESC LIMIT 100
