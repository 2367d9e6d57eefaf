-- Emergency takeover as the node below sees it.

-- name: begin_takeover
-- A takeover, or an exercise of one; again changes nothing.
INSERT INTO takeover (takeover_id, drill, began_at) VALUES ($1, $2, $3)
ON CONFLICT (takeover_id) DO NOTHING RETURNING takeover_id

-- name: note_takeover_began
-- Up to where the records lay above when it began.
UPDATE takeover SET position_began = $2, report = $3::jsonb WHERE takeover_id = $1 AND position_began IS NULL

-- name: end_takeover
-- Handed back, or the exercise is over; ended once.
UPDATE takeover SET ended_at = $3, position_began = coalesce(position_began, $2), position_ended = $2,
       report = coalesce(report, '{}') || $4::jsonb
WHERE takeover_id = $1 AND ended_at IS NULL RETURNING takeover_id

-- name: takeover_is_active
-- Whether the node above answers for this one.
SELECT EXISTS (SELECT FROM takeover WHERE ended_at IS NULL AND NOT drill)
