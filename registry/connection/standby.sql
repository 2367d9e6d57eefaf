-- Standby records: what the node above holds of this node's answers, and how far that goes.

-- name: furthest_sent
-- A position above that is further than this was never sent by this database.
SELECT standby_sent FROM national_state

-- name: told_from_above
-- Whether a takeover lasts or an instruction waits, which may be one, and the last one kept: all at one moment.
SELECT last_instruction,
       EXISTS (SELECT FROM takeover WHERE ended_at IS NULL AND NOT drill)
       OR EXISTS (SELECT FROM instruction WHERE outcome IS NULL) AS needed
FROM national_state

-- name: note_sending
-- Before changes go up to a position, and when a snapshot as of one has begun.
UPDATE national_state SET standby_sent = greatest(standby_sent, $1)

-- name: note_standing
-- What the node above said last about how far its records go.
UPDATE national_state SET standby_position = $1, standby_at = $2

-- name: answered_prefixes
-- The prefixes in use whose names come after, or at, a text, in the order of names: what lies under 88.101.1.7 comes
-- before what lies under 88.101.1.
SELECT p.prefix_id, p.prefix FROM prefix p JOIN enterprise e ON e.enterprise_id = p.enterprise_id
WHERE p.state = 'enabled' AND e.state NOT IN ('suspended', 'closed', 'rejected')
      AND (p.prefix || '/') COLLATE "C" >= $1
ORDER BY (p.prefix || '/') COLLATE "C" LIMIT $2

-- name: walk_by_key
-- A prefix is walked along its index even where nobody has analysed a table filled a minute ago: otherwise all that is
-- left of it is sorted for each page. For this transaction only.
SELECT set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_sort', 'off', true)

-- name: page_of_prefix
-- The next identifiers of a prefix, in key order; with $5 also those that are answered no more. What goes beyond $4
-- octets is left out, but never all.
SELECT suffix_key, prefix || '/' || suffix AS name, hidden, before >= $4 AS left_out, CASE WHEN before < $4 THEN record END AS record
FROM (
    SELECT a.*, coalesce(sum(octet_length(a.suffix_key) + coalesce(octet_length(a.record), 0))
                         OVER (ORDER BY a.suffix_key ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
    FROM (SELECT prefix, suffix_key, suffix, record, hidden FROM answered_identifier
          WHERE prefix_id = $1 AND suffix_key > $2 AND (record IS NOT NULL OR $5)
          ORDER BY suffix_key LIMIT $3) a
) page
ORDER BY suffix_key

-- name: page_of_changes
-- What the identifiers are now whose history has entries within a stretch, once for each entry, in their order. What
-- goes beyond $3 octets, or $4 entries, is left out, but never all. Sorted before it is counted, so that the view is
-- asked once for each record.
SELECT position, name, hidden, before >= $3 OR place > $4 AS left_out,
       CASE WHEN before < $3 AND place <= $4 THEN record END AS record
FROM (
    SELECT entry.*, count(*) OVER so_far AS place, sum(octets) OVER so_far - octets AS before
    FROM (
        SELECT h.history_id AS position, a.prefix || '/' || a.suffix AS name, a.record, a.hidden,
               octet_length(a.suffix_key) + coalesce(octet_length(a.record), 0) AS octets
        FROM identifier_history h
        JOIN answered_identifier a ON a.prefix_id = h.prefix_id AND a.suffix_key = h.suffix_key
        WHERE h.history_id > $1 AND h.history_id <= $2
        ORDER BY h.history_id
    ) entry
    WINDOW so_far AS (ORDER BY position ROWS UNBOUNDED PRECEDING)
) page
ORDER BY position

-- name: go_through_ranges
-- The range index of history is used even where the planner has no statistics yet; for this transaction only.
SELECT set_config('enable_seqscan', 'off', true)

-- name: sum_ranges_up
-- So that it need not look through everything written since somebody did this last.
SELECT summarize_history()

-- name: due
-- The oldest identifiers, or whole prefixes, that are answered otherwise without an entry in history.
SELECT prefix_id, suffix_key, transaction_id::text AS transaction_id FROM standby_due
ORDER BY suffix_key <> '', prefix_id, suffix_key LIMIT $1

-- name: due_records
-- What some of them are answered as now; what goes beyond $3 octets is left out, but never all.
SELECT prefix_id, suffix_key, prefix || '/' || suffix AS name, hidden, before >= $3 AS left_out,
       CASE WHEN before < $3 THEN record END AS record
FROM (
    SELECT a.*, coalesce(sum(octet_length(a.suffix_key) + coalesce(octet_length(a.record), 0))
                         OVER (ORDER BY wanted.place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
    FROM unnest($1::int[], $2::text[]) WITH ORDINALITY AS wanted (prefix_id, suffix_key, place)
    JOIN answered_identifier a ON a.prefix_id = wanted.prefix_id AND a.suffix_key = wanted.suffix_key
) page

-- name: settle_due
-- The node above has them; what changed again meanwhile stays.
DELETE FROM standby_due d USING unnest($1::int[], $2::text[], $3::text[]) AS sent (prefix_id, suffix_key, transaction_id)
WHERE d.prefix_id = sent.prefix_id AND d.suffix_key = sent.suffix_key AND d.transaction_id = sent.transaction_id::xid8

-- name: oldest_transaction
-- Every transaction before this one has ended: whoever reads from now on sees what it did.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS oldest

-- name: settle_due_before
-- A snapshot that began after these has them.
DELETE FROM standby_due WHERE transaction_id < $1::text::xid8

-- name: sample
-- How some identifiers are answered now, and whether that may be newer than what a position says; those that were never
-- registered have no row.
SELECT wanted.place, a.prefix || '/' || a.suffix AS name, a.record, a.hidden,
       EXISTS (SELECT FROM identifier_history h WHERE h.prefix_id = p.prefix_id AND h.suffix_key = wanted.suffix_key
               AND h.history_id > $3)
       OR EXISTS (SELECT FROM standby_due d WHERE d.prefix_id = p.prefix_id
                  AND d.suffix_key IN ('', wanted.suffix_key)) AS newer
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (prefix, suffix_key, place)
JOIN prefix p ON p.prefix = wanted.prefix AND p.state NOT IN ('rejected', 'refused')
JOIN answered_identifier a ON a.prefix_id = p.prefix_id AND a.suffix_key = wanted.suffix_key

-- name: comparison_waits
-- Whether the answer to a takeover is still on its way: until it is there, the records above stay as it says.
SELECT EXISTS (SELECT FROM outbox WHERE stream = 'instruction' AND delivered_at IS NULL AND created_at > $1
               AND body->'result' ? 'digests')
