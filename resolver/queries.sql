-- The reader's statements.

-- name: look_up
-- Many identifiers at once, in any order, one row each; a prefix that is not ours has no state. The bound of one row
-- keeps the planner from joining by the prefix alone, which it does as long as nobody has analysed a table filled a
-- minute ago. Whether anything is hidden is asked only where the enterprise, or the identifier, has a scope at all.
SELECT wanted.place, p.prefix, p.state AS prefix_state, e.state AS enterprise_state, e.name, e.name_en,
       i.template_id, i.version, i.registered_at, i.updated_at, coalesce(i.suffix, i.suffix_key) AS suffix, i.record,
       CASE WHEN EXISTS (SELECT FROM class_scope c WHERE c.enterprise_id = p.enterprise_id)
                 OR EXISTS (SELECT FROM identifier_scope s
                            WHERE s.prefix_id = p.prefix_id AND s.suffix_key = wanted.suffix_key)
            THEN hidden_indexes(p.enterprise_id, p.prefix_id, wanted.suffix_key, i.template_id) END AS hidden,
       EXISTS (SELECT FROM blocked_identifier b
               WHERE b.prefix = wanted.prefix AND b.suffix_key = wanted.suffix_key) AS blocked
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (prefix, suffix_key, place)
LEFT JOIN prefix p ON p.prefix = wanted.prefix AND p.state NOT IN ('rejected', 'refused')
LEFT JOIN enterprise e ON e.enterprise_id = p.enterprise_id
LEFT JOIN LATERAL (
    SELECT template_id, version, registered_at, updated_at, suffix, suffix_key, record FROM identifier
    WHERE prefix_id = p.prefix_id AND suffix_key = wanted.suffix_key AND state = 1
    LIMIT 1
) i ON true

-- name: look_up_prefix_handles
-- One row for each prefix, in their order; the node's own prefix is nobody's and may have no row at all.
SELECT wanted.prefix, p.state AS prefix_state, e.state AS enterprise_state, e.name, e.name_en,
       coalesce(h.version, 0) AS version,
       coalesce(h.registered_at, p.created_at, n.created_at, 'epoch') AS registered_at,
       coalesce(h.updated_at, p.updated_at, n.created_at, 'epoch') AS updated_at, h.record
FROM unnest($1::text[]) WITH ORDINALITY AS wanted (prefix, place)
LEFT JOIN prefix p ON p.prefix = wanted.prefix AND p.state NOT IN ('rejected', 'refused')
LEFT JOIN enterprise e ON e.enterprise_id = p.enterprise_id
LEFT JOIN prefix_handle h ON h.prefix = wanted.prefix
LEFT JOIN node_state n ON true
ORDER BY wanted.place

-- name: position
-- How far a server is in the log: a standby has applied it up to there, the primary has it on disk; and how much of it a
-- standby has received. A commit is told when it is on disk, unless the server is set up otherwise; what lies behind that
-- is nobody's yet, and may be written minutes later. Ended is the log of a server to which nothing more comes: no stream
-- runs, and all that was received is applied.
SELECT CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_replay_lsn(), '0/0')
            WHEN current_setting('synchronous_commit') = 'off' THEN pg_current_wal_insert_lsn()
            ELSE pg_current_wal_flush_lsn() END AS log,
       CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_receive_lsn(), '0/0') ELSE '0/0' END AS received,
       NOT pg_is_in_recovery() OR (NOT EXISTS (SELECT FROM pg_stat_wal_receiver)
           AND coalesce(pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn(), true)) AS ended

-- name: template_definition
-- How a page shows the values of a template; a published definition never changes.
SELECT name, definition FROM template WHERE template_id = $1
