-- The statements of numbering: the plan, its counters, and the numbers that are kept back.

-- name: find_plan
-- The plan in force; without a row the default.
SELECT definition, version, updated_at FROM numbering_plan

-- name: begin_plan
-- The first plan; whoever comes second finds the row.
INSERT INTO numbering_plan (definition, version, updated_at) VALUES ($1::jsonb, 1, $2)
ON CONFLICT (only_row) DO NOTHING
RETURNING version

-- name: lock_plan
-- The plan for a change.
SELECT definition, version FROM numbering_plan FOR UPDATE

-- name: change_plan
-- Another plan in place of the one that the transaction has locked.
UPDATE numbering_plan SET definition = $1::jsonb, version = $2, updated_at = $3

-- name: hold_counter
-- The next serial number behind a beginning, held: others who want one wait. A plan that begins later is followed.
INSERT INTO numbering_serial (beginning, next_serial) VALUES ($1, $2)
ON CONFLICT (beginning) DO UPDATE SET next_serial = greatest(numbering_serial.next_serial, EXCLUDED.next_serial)
RETURNING next_serial

-- name: see_counter
-- The same to look at.
SELECT next_serial FROM numbering_serial WHERE beginning = $1

-- name: advance_counter
-- Never back: what was passed over is not given by the plan any more.
UPDATE numbering_serial SET next_serial = $2 WHERE beginning = $1

-- name: first_free_number
-- The first of these numbers that is neither taken below the node's prefix nor kept back.
SELECT given.number
FROM unnest($1::text[]) WITH ORDINALITY AS given (number, place)
WHERE NOT EXISTS (SELECT FROM prefix p
                  WHERE p.prefix = $2 || '.' || given.number AND p.state NOT IN ('rejected', 'refused'))
      AND NOT EXISTS (SELECT FROM reserved_number r
                      WHERE char_length(r.first_number) = char_length(given.number)
                            AND given.number COLLATE "C" BETWEEN r.first_number AND r.last_number)
ORDER BY given.place LIMIT 1

-- name: reservation_of
-- The range that keeps a number back, and of several the one that ends last.
SELECT reserved_number_id, first_number, last_number, kind, reason, created_at FROM reserved_number
WHERE char_length(first_number) = char_length($1) AND $1::text COLLATE "C" BETWEEN first_number AND last_number
ORDER BY last_number DESC LIMIT 1

-- name: list_reserved_numbers
-- In the order of making, by keyset.
SELECT reserved_number_id, first_number, last_number, kind, reason, created_at FROM reserved_number
WHERE reserved_number_id > $1::bigint AND ($2::text IS NULL OR kind = $2)
ORDER BY reserved_number_id LIMIT $3

-- name: add_reserved_numbers
-- A range of numbers of one length.
INSERT INTO reserved_number (first_number, last_number, kind, reason, created_at) VALUES ($1, $2, $3, $4, $5)
RETURNING reserved_number_id

-- name: remove_reserved_numbers
-- From now on they are given as any others.
DELETE FROM reserved_number WHERE reserved_number_id = $1::bigint
RETURNING reserved_number_id, first_number, last_number, kind, reason, created_at
