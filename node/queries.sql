-- name: record_act
-- One act of business or administration with its leaf and, if it is reported, its message upward.
WITH act AS (
    INSERT INTO act_history (at, account_id, interface, action, subject_kind, subject_id, before, after, reason, nonce)
    VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8::jsonb, $9, $10)
), leaf AS (
    INSERT INTO event (leaf) VALUES ($11)
)
INSERT INTO outbox (message_id, stream, kind, body, created_at)
SELECT $12, $13, $14, $15::jsonb, $1 WHERE $12::uuid IS NOT NULL

-- name: add_to_outbox
-- A message upward that belongs to no single act, for example the summary of a chunk of identifiers.
INSERT INTO outbox (message_id, stream, kind, body, created_at) VALUES ($1, $2, $3, $4::jsonb, $5)

-- name: acts_of_subject
-- The history of one enterprise, prefix, template or account, newest first, by keyset.
SELECT h.act_id, h.at, h.account_id, a.role AS account_role, h.interface, h.action, h.subject_kind, h.subject_id,
       h.before, h.after, h.reason
FROM act_history h
LEFT JOIN account a ON a.account_id = h.account_id
WHERE h.subject_kind = $1 AND h.subject_id = $2 AND h.act_id < $3
ORDER BY h.act_id DESC LIMIT $4

-- name: node_state
-- Who this node is and whether it is a laboratory.
SELECT node_id, laboratory, created_at FROM node_state

-- name: found_node
-- First start: the node gets its identity; a second worker starting at the same time changes nothing.
INSERT INTO node_state (node_id, laboratory, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING

-- name: become_laboratory
-- One way only; a trigger refuses the way back.
UPDATE node_state SET laboratory = true WHERE NOT laboratory
