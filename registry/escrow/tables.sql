-- Which rows go into a package of escrow, and how they come back (as biaoshi_owner). Statements of one table are made by
-- the database itself, which knows the tables and quotes their names.

-- name: snapshot_facts
-- What is true of the moment of the package; the first question of its transaction, which it sees the database by.
SELECT s.node_id, s.laboratory, pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon,
       (SELECT oid FROM pg_database WHERE datname = current_database())::bigint AS database,
       (SELECT system_identifier FROM pg_control_system())::text AS system,
       (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM identifier_history_history_id_seq) AS position
FROM node_state s

-- name: migrations
-- The schema that the rows are of.
SELECT name, encode(digest, 'hex') AS digest FROM migration ORDER BY number

-- name: transactions_since
-- How old a transaction is that had this number, in transactions; more than two thousand million cannot be told.
SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint - $1::bigint AS transactions,
       age((($1::bigint) & 4294967295)::text::xid) AS age

-- name: tables
-- Every table of the node but for its migrations, which are there before any row, and the keys of client hashes: what
-- is destroyed in time must not live on in a safe. `changed` are the rows that a transaction younger than $1 wrote; those
-- of a table that another one owns are the rows of its changed rows. Where the node may delete, `standing` are the keys
-- that are left.
WITH owned (name, owner, keys) AS (VALUES
    ('attribute_index', 'identifier', '{prefix_id,suffix_key}'::name[]),
    ('identifier_reference', 'identifier', '{prefix_id,suffix_key}'::name[])),
described AS (
    SELECT c.oid, c.relname AS name, o.owner, o.keys AS owner_keys,
           (SELECT array_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns,
           (SELECT array_agg(a.attname ORDER BY k.place)
            FROM pg_index x CROSS JOIN LATERAL unnest(x.indkey::smallint[]) WITH ORDINALITY AS k (attnum, place)
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
            WHERE x.indrelid = c.oid AND x.indisprimary) AS keys
    FROM pg_class c LEFT JOIN owned o ON o.name = c.relname
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname NOT IN ('migration', 'counting_key')
),
written AS (
    SELECT d.*,
           (SELECT string_agg(quote_ident(one), ', ' ORDER BY place)
            FROM unnest(columns) WITH ORDINALITY AS l (one, place)) AS listed,
           (SELECT string_agg(quote_ident(one), ', ' ORDER BY place)
            FROM unnest(keys) WITH ORDINALITY AS l (one, place)) AS listed_keys,
           (SELECT string_agg(format('o.%1$I = t.%1$I', one), ' AND ') FROM unnest(owner_keys) AS l (one)) AS same_owner
    FROM described d
)
SELECT name, columns::text[] AS columns, keys::text[] AS keys, owner,
       format('SELECT %s FROM ONLY public.%I', listed, name) AS whole,
       CASE WHEN owner IS NULL THEN format('SELECT %s FROM ONLY public.%I WHERE age(xmin) <= $1', listed, name)
            ELSE format('SELECT %s FROM ONLY public.%I t WHERE EXISTS (SELECT FROM ONLY public.%I o WHERE %s AND age(o.xmin) <= $1)',
                        listed, name, owner, same_owner) END AS changed,
       CASE WHEN owner IS NULL AND has_table_privilege('biaoshi_writer', oid, 'DELETE')
            THEN format('SELECT %s FROM ONLY public.%I', listed_keys, name) END AS standing,
       format('SELECT count(*) FROM ONLY public.%I', name) AS counting
FROM written ORDER BY owner IS NOT NULL, name

-- name: sequences
-- Where the numbers of new rows go on; read after the snapshot was taken, so behind every row in it.
SELECT s.sequencename AS name, coalesce(s.last_value, s.start_value) AS value, s.last_value IS NOT NULL AS called
FROM pg_sequences s WHERE s.schemaname = 'public' ORDER BY 1

-- name: sealed_segments
-- The event files of one folder that were registered since ($2: an age in transactions; null: ever).
SELECT day, boot_id, number FROM evidence_segment
WHERE recorder_id = $1 AND ($2::integer IS NULL OR age(xmin) <= $2::integer)
ORDER BY day, boot_id, number

-- name: remember_package
-- What this node made, for the chain of packages and their receipts.
INSERT INTO escrow_package (package_id, kind, after_id, manifest, sha256, made_at)
VALUES ($1, $2, $3, $4::text::jsonb, $5, $6)
ON CONFLICT (package_id) DO NOTHING
