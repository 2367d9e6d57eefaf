-- name: newest
-- Whether anything came that somebody may be waiting for.
SELECT (SELECT max(sequence) FROM docked_verdict) AS verdict, (SELECT max(sequence) FROM docked_instruction) AS instruction
