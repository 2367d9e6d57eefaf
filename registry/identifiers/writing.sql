-- New identifiers and everything that belongs to them; changes of standing ones are in registry/identifiers/changes.sql.

-- name: write_few
-- A few new identifiers with everything that belongs to them, tally, report and notice included; many are copied. The
-- identifiers come first, as where they are copied: who waits for whom is the same for everybody.
WITH written AS (
    INSERT INTO identifier (prefix_id, template_id, version, state, registered_at, updated_at, suffix_key, suffix, record)
    SELECT $1, $2, 1, 1, row.at, row.at, row.suffix_key, row.suffix, row.record
    FROM unnest($3::text[], $4::text[], $5::bytea[], $6::timestamptz[]) AS row (suffix_key, suffix, record, at)
    RETURNING 1
), side AS (
    INSERT INTO attribute_index (prefix_id, template_id, attribute_index, is_unique, value, number, suffix_key)
    SELECT $1, $2, entry.attribute_index, entry.is_unique, entry.value, entry.number::numeric, entry.suffix_key
    FROM (SELECT count(*) FROM written) AS first,
         unnest($12::int[], $13::boolean[], $14::text[], $15::text[], $16::text[])
             AS entry (attribute_index, is_unique, value, number, suffix_key)
), reference AS (
    INSERT INTO identifier_reference (prefix_id, attribute_index, suffix_key, target_prefix, target_suffix_key)
    SELECT $1, entry.attribute_index, entry.suffix_key, entry.target_prefix, entry.target_suffix_key
    FROM unnest($17::int[], $18::text[], $19::text[], $20::text[])
        AS entry (attribute_index, suffix_key, target_prefix, target_suffix_key)
), history AS (
    INSERT INTO identifier_history (prefix_id, version, action, interface, at, account_id, batch_id, suffix_key)
    SELECT $1, 1, $7, row.interface, row.at, row.account_id, row.batch_id, row.suffix_key
    FROM unnest($3::text[], $6::timestamptz[], $8::smallint[], $9::uuid[], $10::uuid[])
        AS row (suffix_key, at, interface, account_id, batch_id)
), leaf AS (
    INSERT INTO event (leaf) SELECT row.leaf FROM unnest($11::bytea[]) AS row (leaf)
), tally AS (
    INSERT INTO registration_tally (at, prefix_id, template_id, registered, first_registered)
    SELECT row.at, $1, $2, row.registered, row.registered
    FROM unnest($28::timestamptz[], $29::int[]) AS row (at, registered)
), report AS (
    INSERT INTO outbox (message_id, stream, kind, body, created_at) VALUES ($21, $22, $23, $24::jsonb, $25)
)
SELECT pg_notify($26, $27)

-- name: find_taken
-- Which of these suffixes stand already, and whether the batch at hand put them there.
SELECT i.suffix_key, i.state, i.template_id, i.record, h.batch_id
FROM identifier i
JOIN identifier_history h ON (h.prefix_id, h.suffix_key, h.version) = (i.prefix_id, i.suffix_key, i.version)
WHERE i.prefix_id = $1 AND i.suffix_key = ANY ($2::text[])

-- name: find_taken_values
-- Which values of unique attributes another identifier holds. Each is looked up by itself, whatever the plan: one made
-- before a first import filled the table, and kept by the connection, would read all of it for every batch.
SELECT wanted.attribute_index, wanted.value, held.suffix_key
FROM unnest($3::int[], $4::text[]) AS wanted (attribute_index, value)
CROSS JOIN LATERAL (
    SELECT a.suffix_key FROM attribute_index a
    WHERE a.prefix_id = $1 AND a.template_id = $2 AND a.is_unique
          AND a.attribute_index = wanted.attribute_index AND a.value = wanted.value
    LIMIT 1
) AS held

-- name: revive
-- Registrations of identifiers that were deleted: their versions go on, and history learns what they were.
WITH held AS MATERIALIZED (
    SELECT i.suffix_key, i.template_id FROM identifier i
    WHERE i.prefix_id = $1 AND i.suffix_key = ANY ($3::text[]) AND i.state = 2
    ORDER BY i.suffix_key FOR UPDATE
)
UPDATE identifier AS i SET template_id = $2, version = i.version + 1, state = 1, registered_at = next.at,
       updated_at = next.at, suffix = next.suffix, record = next.record
FROM held JOIN unnest($3::text[], $4::text[], $5::bytea[], $6::timestamptz[]) AS next (suffix_key, suffix, record, at)
     ON next.suffix_key = held.suffix_key
WHERE i.prefix_id = $1 AND i.suffix_key = held.suffix_key
RETURNING i.suffix_key, i.version, held.template_id AS before_template_id

-- name: report
-- What a transaction did to identifiers: counted by template, and summed up for the national node.
WITH tally AS (
    INSERT INTO registration_tally (at, prefix_id, template_id, registered, first_registered, updated, deleted,
                                    suspended, resumed, moved_in, moved_out)
    SELECT row.at, $1, row.template_id, row.registered, row.first_registered, row.updated, row.deleted,
           row.suspended, row.resumed, row.moved_in, row.moved_out
    FROM unnest($2::timestamptz[], $3::int[], $4::int[], $5::int[], $6::int[], $7::int[], $8::int[], $9::int[],
                $10::int[], $11::int[])
         AS row (at, template_id, registered, first_registered, updated, deleted, suspended, resumed, moved_in,
                 moved_out)
)
INSERT INTO outbox (message_id, stream, kind, body, created_at) VALUES ($12, $13, $14, $15::jsonb, $16)

-- name: announce
-- Tell every resolver, at commit.
SELECT pg_notify($1, $2)
