-- name: export_snapshot
-- The counts and the dump have to see the same instant: pg_dump joins this transaction's snapshot.
SELECT pg_catalog.pg_export_snapshot() AS snapshot, pg_catalog.now() AS created;

-- name: tables
-- Every table whose rows a dump carries, with the statement that counts them; extensions bring their own.
SELECT
    n.nspname || '.' || c.relname AS name,
    pg_catalog.format('SELECT count(*) FROM ONLY %I.%I', n.nspname, c.relname) AS counting
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r'
  AND n.nspname <> 'information_schema'
  AND n.nspname !~ '^pg_'
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend AS d
      WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
  )
ORDER BY name;

-- name: first_relation
-- Anything that a restore could collide with: a table, view, sequence or foreign table of a user.
SELECT n.nspname || '.' || c.relname
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
  AND n.nspname <> 'information_schema'
  AND n.nspname !~ '^pg_'
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend AS d
      WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
  )
ORDER BY 1
LIMIT 1;
