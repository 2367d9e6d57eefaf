-- name: known_messages
-- Which of these have been accepted before.
SELECT message_id FROM docked_message WHERE node_id = $1 AND message_id = ANY($2::uuid[])

-- name: keep_messages
-- Accepted, in the order of arrival.
INSERT INTO docked_message (node_id, laboratory, received_at, message_id, stream, sequence, kind, created_at, body)
SELECT $1, $2, $3, m.message_id, m.stream, m.sequence, m.kind, m.created_at, m.body
FROM unnest($4::uuid[], $5::text[], $6::bigint[], $7::text[], $8::timestamptz[], $9::text[])
     WITH ORDINALITY AS m(message_id, stream, sequence, kind, created_at, body, place)
ORDER BY m.place

-- name: streams
-- How far those came that are going on now.
SELECT stream, last_sequence FROM docked_stream WHERE node_id = $1 AND stream = ANY($2::text[])

-- name: note_streams
-- How far streams have come, and how often they came the wrong way round.
INSERT INTO docked_stream (node_id, stream, last_sequence, messages, disordered)
SELECT $1, s.stream, s.last_sequence, s.messages, s.disordered
FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[]) AS s(stream, last_sequence, messages, disordered)
ON CONFLICT (node_id, stream) DO UPDATE
SET last_sequence = greatest(docked_stream.last_sequence, excluded.last_sequence),
    messages = docked_stream.messages + excluded.messages, disordered = docked_stream.disordered + excluded.disordered
