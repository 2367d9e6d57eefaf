-- Leaves of identifiers.

-- name: add_pack
-- The leaves of many identifiers to which the same was done, as one event.
INSERT INTO event (leaf, packed) VALUES ($1, $2)
