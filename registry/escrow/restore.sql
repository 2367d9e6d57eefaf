-- Bringing a package back into an empty, migrated database (as biaoshi_owner).

-- name: founded_state
-- What a migration leaves behind that is no content: it gives way to the rows of the package.
DELETE FROM national_state

-- name: incoming
-- What is done with one table: emptied, looked at, and brought forward by what an increment says of it. An increment's
-- rows first push out those that they replace, and the rows that those owned; then they come in.
WITH described AS (
    SELECT c.relname AS name,
           (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns,
           (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.place)
            FROM pg_index x CROSS JOIN LATERAL unnest(x.indkey::smallint[]) WITH ORDINALITY AS k (attnum, place)
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
            WHERE x.indrelid = c.oid AND x.indisprimary) AS keys,
           (SELECT string_agg(format('t.%1$I = i.%1$I', a.attname), ' AND ')
            FROM pg_index x CROSS JOIN LATERAL unnest(x.indkey::smallint[]) AS k (attnum)
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
            WHERE x.indrelid = c.oid AND x.indisprimary) AS same
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname NOT IN ('migration', 'counting_key')
)
SELECT name,
       format('SELECT EXISTS (SELECT FROM public.%I)', name) AS filled,
       format('SELECT count(*) FROM ONLY public.%I', name) AS counting,
       format('ALTER TABLE public.%I DISABLE TRIGGER USER', name) AS quiet,
       format('ALTER TABLE public.%I ENABLE TRIGGER USER', name) AS loud,
       format('CREATE UNLOGGED TABLE public.escrow_incoming AS SELECT %s FROM public.%I WITH NO DATA', columns, name)
           AS receive,
       format('DELETE FROM public.%I t USING public.escrow_incoming i WHERE %s', name, same) AS push_out,
       format('INSERT INTO public.%I (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM public.escrow_incoming',
              name, columns, columns) AS take_in,
       format('CREATE UNLOGGED TABLE public.escrow_incoming AS SELECT %s FROM public.%I WITH NO DATA', keys, name)
           AS receive_keys,
       format('DELETE FROM public.%I t WHERE NOT EXISTS (SELECT FROM public.escrow_incoming i WHERE %s)', name, same)
           AS remove_gone,
       format('DELETE FROM public.%I', name) AS clear
FROM described ORDER BY name

-- name: push_out_owned
-- The searchable values and references of identifiers that come in anew: theirs come after them.
SELECT format('DELETE FROM public.%I t USING public.escrow_incoming i WHERE t.prefix_id = i.prefix_id AND t.suffix_key = i.suffix_key',
              name) AS statement
FROM unnest('{attribute_index,identifier_reference}'::text[]) AS owned (name)
WHERE $1 = 'identifier'

-- name: incoming_gone
-- What came in is where it belongs.
DROP TABLE public.escrow_incoming

-- name: references_between_tables
-- Foreign keys: they give way while rows come in, and are checked as a whole when they are there again.
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS away,
       format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) AS back
FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace
ORDER BY conrelid::regclass::text, conname

-- name: go_on_from
-- Where numbers go on. Those by which others know how far they are ($4) leave a stretch out: what was numbered after
-- the package and is lost keeps its numbers for itself.
SELECT setval(format('public.%I', $1::text)::regclass, $2::bigint + CASE WHEN $4 THEN 1073741824 ELSE 0 END, $3 OR $4)

-- name: note_lost_evidence
-- Process starts that had counted beyond their last sealed event file when the package was made: those events are lost.
INSERT INTO counting_gap (recorder_id, boot_id, cause, began_at, ended_at, noted_at)
SELECT coalesce(sealed.recorder_id, $1), c.boot_id, 'no_evidence', min(c.minute), max(c.minute) + INTERVAL '1 minute', $3
FROM resolution_count c LEFT JOIN LATERAL (
    SELECT e.recorder_id, max(e.last_at) AS until FROM evidence_segment e WHERE e.boot_id = c.boot_id GROUP BY 1
) AS sealed ON true
WHERE c.minute > $2::timestamptz - INTERVAL '2 days' AND (sealed.until IS NULL OR c.minute > sealed.until)
GROUP BY 1, 2
ON CONFLICT DO NOTHING

-- name: sum_up_history
-- What looks for positions and times of history need not look through all of it.
SELECT brin_summarize_new_values('identifier_history_by_position'), brin_summarize_new_values('identifier_history_by_time')

-- name: look_at_tables
-- The planner knows the rows at once.
ANALYZE
