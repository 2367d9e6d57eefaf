-- Speed and scale: leaves of many identifiers in one row.

-- What one transaction does to many identifiers in the same way leaves one event: its leaf says what all of them share
-- and commits to the rest, 52 bytes an identifier instead of 350 (ADR 0027, registry/identifiers/leaves.py).
ALTER TABLE event ADD COLUMN packed bytea
    CONSTRAINT event_packed_length CHECK (octet_length(packed) > 0 AND octet_length(packed) % 52 = 0);
ALTER TABLE event ALTER COLUMN packed SET STORAGE EXTERNAL;  -- hashes do not compress
COMMENT ON COLUMN event.packed IS
    'of each identifier tag (16 bytes), version (4, big-endian) and hash (32) of its own leaf; null for a leaf of one thing';

-- Vacuum comes while there is little to do: a fifth of a hundred million rows (the default) is hours of work at once.
-- History is only added to: its pages are frozen as it grows, not all together when transaction numbers run out.
ALTER TABLE identifier SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05,
                            autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE attribute_index SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05,
                                 autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE identifier_history SET (autovacuum_vacuum_insert_scale_factor = 0.05,
                                    autovacuum_analyze_scale_factor = 0.02);
