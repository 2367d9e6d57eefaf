-- Instructions from the node above: kept as they came, performed in their order, answered once.

-- name: last_instruction
-- The newest one that is kept here.
SELECT last_instruction FROM national_state

-- name: keep_instruction
-- As it came; a second arrival changes nothing.
INSERT INTO instruction (sequence, instruction_id, kind, body, issued_at, received_at)
VALUES ($1, $2, $3, $4::jsonb, $5, $6)
ON CONFLICT DO NOTHING

-- name: remember_instruction
-- In the transaction that keeps them: what lies before is here for ever.
UPDATE national_state SET last_instruction = $1 WHERE last_instruction < $1

-- name: next_instruction
-- The oldest one that nobody has answered.
SELECT sequence, instruction_id, kind, body::text AS body, issued_at, received_at, attempts
FROM instruction WHERE outcome IS NULL ORDER BY sequence LIMIT 1

-- name: note_attempt
-- Tried in vain; how often by now.
UPDATE instruction SET attempts = attempts + 1, detail = $2 WHERE sequence = $1 AND outcome IS NULL RETURNING attempts

-- name: answer_instruction
-- Once: whoever comes second has nothing to answer.
UPDATE instruction SET outcome = $2, detail = $3, result = $4::jsonb, answered_at = $5
WHERE sequence = $1 AND outcome IS NULL RETURNING sequence
