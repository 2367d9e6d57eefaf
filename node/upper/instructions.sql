-- name: instructions_after
-- In order, those for one node: at most $3, and no more behind one with which their bodies come to $4 octets.
SELECT sequence, instruction_id, kind, body, issued_at FROM (
    SELECT sequence, instruction_id, kind, body, issued_at,
           sum(octet_length(body::text)) OVER (ORDER BY sequence) - octet_length(body::text) AS octets_before
    FROM (SELECT sequence, instruction_id, kind, body, issued_at FROM docked_instruction
          WHERE delegated_prefix = $1 AND sequence > $2 ORDER BY sequence LIMIT $3) AS next
) AS counted
WHERE octets_before < $4 ORDER BY sequence

-- name: one_instruction_at_a_time
-- Until the end of the transaction.
SELECT pg_advisory_xact_lock($1)

-- name: add_instruction
-- What the node will read.
INSERT INTO docked_instruction (instruction_id, delegated_prefix, kind, body, issued_at)
VALUES ($1, $2, $3, $4::jsonb, $5) RETURNING sequence, instruction_id, kind, body, issued_at
