-- Digests of days.

-- name: holders_on
-- Whose each prefix was at a moment: what a later transfer changed is undone.
SELECT p.prefix,
       coalesce((SELECT t.from_enterprise_id FROM prefix_transfer t
                 WHERE t.prefix_id = p.prefix_id AND t.state = 'done' AND t.updated_at >= $1
                 ORDER BY t.updated_at LIMIT 1), p.enterprise_id) AS enterprise_id
FROM prefix p
WHERE p.state NOT IN ('rejected', 'refused')

-- name: keep_digests
-- What is the same as before keeps its time.
INSERT INTO resolution_digest AS known
    (recorder_id, day, prefix, rule_version, events, content, clients, identifiers, made_at)
SELECT $1, $2, made.prefix, $3, made.events, made.content::jsonb, made.clients, made.identifiers, $4
FROM unnest($5::text[], $6::bigint[], $7::text[], $8::bytea[], $9::bytea[])
     AS made (prefix, events, content, clients, identifiers)
ON CONFLICT (recorder_id, day, prefix) DO UPDATE
SET rule_version = excluded.rule_version, events = excluded.events, content = excluded.content,
    clients = excluded.clients, identifiers = excluded.identifiers, made_at = excluded.made_at
WHERE (known.rule_version, known.content, known.clients, known.identifiers)
      IS DISTINCT FROM (excluded.rule_version, excluded.content, excluded.clients, excluded.identifiers)

-- name: mark_day_to_close
-- A day that is closed already says something else now.
INSERT INTO day_to_close (day) SELECT $1 WHERE EXISTS (SELECT FROM day_closing WHERE day = $1)
ON CONFLICT (day) DO UPDATE SET day = excluded.day

-- name: digests_of_recorder
-- What is kept of a day.
SELECT prefix, content, clients, identifiers FROM resolution_digest
WHERE recorder_id = $1 AND day = $2 AND events > 0
