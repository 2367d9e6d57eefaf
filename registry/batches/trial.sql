-- What the rows of a preview would take, kept in a table of its connection: memory stays flat however many they are.

-- name: create_trial
-- Nobody else sees it, and it goes with the connection.
CREATE TEMPORARY TABLE trial (
    place bigint NOT NULL, sheet smallint NOT NULL, line bigint NOT NULL, template_id integer NOT NULL,
    attribute_index integer NOT NULL, value text COLLATE "C" NOT NULL, suffix_key text COLLATE "C" NOT NULL
)

-- name: drop_trial
-- The connection goes back to the pool without it.
DROP TABLE IF EXISTS pg_temp.trial

-- name: trial_collisions
-- Rows that an earlier row of the same input forestalls, by what they both want (0: the identifier itself), with the
-- first of them. A row for an identifier that stood earlier is not held against a value of that same identifier.
WITH ranked AS (
    SELECT t.place, t.sheet, t.line, t.template_id, t.attribute_index, t.suffix_key,
           row_number() OVER wanted AS nth, first_value(t.suffix_key) OVER wanted AS holder
    FROM trial t
    WINDOW wanted AS (PARTITION BY t.template_id, t.attribute_index, t.value ORDER BY t.place)
), lost AS (
    SELECT DISTINCT ON (r.place) r.place, r.sheet, r.line, r.template_id, r.attribute_index
    FROM ranked r
    WHERE r.nth > 1 AND (r.attribute_index = 0 OR r.holder <> r.suffix_key)
    ORDER BY r.place, r.attribute_index
)
SELECT l.template_id, l.attribute_index, count(*) AS rows, (array_agg(l.sheet ORDER BY l.place))[1] AS sheet,
       (array_agg(l.line ORDER BY l.place))[1] AS line
FROM lost l GROUP BY l.template_id, l.attribute_index ORDER BY min(l.place)
