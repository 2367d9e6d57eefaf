-- Changes of standing identifiers, many at a time; registration writes by registry/identifiers/identifiers.sql.

-- name: lock_many
-- What stands of these identifiers, deleted ones included, held in key order until the transaction ends.
SELECT i.suffix_key, i.template_id, i.version, i.state, i.record
FROM identifier i WHERE i.prefix_id = $1 AND i.suffix_key = ANY ($2::text[])
ORDER BY i.suffix_key FOR UPDATE

-- name: see_many
-- The same for a look before a change is decided on: nothing is held.
SELECT i.suffix_key, i.template_id, i.version, i.state, i.record
FROM identifier i WHERE i.prefix_id = $1 AND i.suffix_key = ANY ($2::text[])

-- name: holders_of_claims
-- Who has these unique values now.
SELECT a.template_id, a.attribute_index, a.value, a.suffix_key
FROM unnest($2::int[], $3::int[], $4::text[]) AS wanted (template_id, attribute_index, value)
JOIN attribute_index a ON a.prefix_id = $1 AND a.template_id = wanted.template_id AND a.is_unique
     AND a.attribute_index = wanted.attribute_index AND a.value = wanted.value

-- name: rewrite_many
-- The next versions; where no record is given, it stays.
UPDATE identifier AS i
SET template_id = next.template_id, version = i.version + 1, state = next.state, updated_at = $2,
    record = coalesce(next.record, i.record)
FROM unnest($3::text[], $4::int[], $5::smallint[], $6::bytea[]) AS next (suffix_key, template_id, state, record)
WHERE i.prefix_id = $1 AND i.suffix_key = next.suffix_key

-- name: forget_side_of_many
-- The side index of identifiers that are deleted or get other values.
DELETE FROM attribute_index WHERE prefix_id = $1 AND suffix_key = ANY ($2::text[])

-- name: forget_references_of_many
-- What these identifiers pointed at.
DELETE FROM identifier_reference WHERE prefix_id = $1 AND suffix_key = ANY ($2::text[])

-- name: forget_side_entries
-- Side index entries whose values are others from now on.
DELETE FROM attribute_index a USING unnest($2::text[], $3::int[]) AS gone (suffix_key, attribute_index)
WHERE a.prefix_id = $1 AND a.suffix_key = gone.suffix_key AND a.attribute_index = gone.attribute_index

-- name: forget_references
-- What these identifiers point at no more.
DELETE FROM identifier_reference r
USING unnest($2::text[], $3::int[], $4::text[], $5::text[])
      AS gone (suffix_key, attribute_index, target_prefix, target_suffix_key)
WHERE r.prefix_id = $1 AND r.suffix_key = gone.suffix_key AND r.attribute_index = gone.attribute_index
      AND r.target_prefix = gone.target_prefix AND r.target_suffix_key = gone.target_suffix_key

-- name: add_side_of_many
-- Side index entries, each for its own identifier.
INSERT INTO attribute_index (prefix_id, template_id, attribute_index, is_unique, value, number, suffix_key)
SELECT $1, entry.template_id, entry.attribute_index, entry.is_unique, entry.value, entry.number::numeric, entry.suffix_key
FROM unnest($2::int[], $3::int[], $4::boolean[], $5::text[], $6::text[], $7::text[])
     AS entry (template_id, attribute_index, is_unique, value, number, suffix_key)

-- name: add_references_of_many
-- What these identifiers point at from now on.
INSERT INTO identifier_reference (prefix_id, attribute_index, suffix_key, target_prefix, target_suffix_key)
SELECT $1, entry.attribute_index, entry.suffix_key, entry.target_prefix, entry.target_suffix_key
FROM unnest($2::int[], $3::text[], $4::text[], $5::text[])
     AS entry (attribute_index, suffix_key, target_prefix, target_suffix_key)

-- name: go_by_position
-- Before a window of positions is read: the range index knows all of history, and is used even where the planner
-- has no statistics yet. Both for this transaction only.
SELECT summarize_history(), set_config('enable_seqscan', 'off', true)

-- name: chunks_of_batch
-- The chunks of a batch within a window of positions, oldest first: their entries share a time.
SELECT max(h.history_id) AS last_position FROM identifier_history h
WHERE h.history_id > $2 AND h.history_id <= $3 AND h.batch_id = $1
GROUP BY h.at ORDER BY min(h.history_id)

-- name: left_behind
-- How identifiers stood after a version of theirs, by what the later versions replaced: a record that nobody replaced
-- is the one that stands.
SELECT h.suffix_key, (array_agg(h.before_state ORDER BY h.version))[1] AS state,
       (array_agg(h.before_template_id ORDER BY h.version))[1] AS template_id,
       (array_agg(h.before ORDER BY h.version) FILTER (WHERE h.before IS NOT NULL))[1] AS record
FROM unnest($2::text[], $3::int[]) AS left_at (suffix_key, version)
JOIN identifier_history h ON h.prefix_id = $1 AND h.suffix_key = left_at.suffix_key AND h.version > left_at.version
GROUP BY h.suffix_key

-- name: entries_to_undo
-- Where a batch first touched identifiers within a window of positions, with the versions that are its own. The
-- record before is that of the first entry that replaced one: until then it stayed the same. A batch has one prefix,
-- and the window does not name it, lest the planner walk through all history of the prefix.
WITH entry AS (
    SELECT h.suffix_key, h.version, h.before_state, h.before_template_id
    FROM identifier_history h
    WHERE h.history_id > $3 AND h.history_id <= $4 AND h.batch_id = $2
)
SELECT entry.suffix_key, entry.before_state, entry.before_template_id, own.before, own.last_version,
       own.last_version - entry.version + 1 = own.versions AS unbroken
FROM entry
CROSS JOIN LATERAL (
    SELECT min(o.version) AS first_version, max(o.version) AS last_version, count(*) AS versions,
           (array_agg(o.before ORDER BY o.version) FILTER (WHERE o.before IS NOT NULL))[1] AS before
    FROM identifier_history o
    WHERE o.prefix_id = $1 AND o.suffix_key = entry.suffix_key AND o.batch_id = $2
) own
WHERE entry.version = own.first_version
ORDER BY entry.suffix_key
