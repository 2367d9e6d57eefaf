-- The statements of the blocklist; the resolver asks with its own.

-- name: block
-- Names that are forbidden already only get the newer reason; the answer is how many were not.
WITH blocked AS (
    INSERT INTO blocked_identifier AS b (prefix, suffix_key, suffix, reason, instruction_id, blocked_at)
    SELECT wanted.prefix, wanted.suffix_key, wanted.suffix, wanted.reason, $5, $6
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS wanted (prefix, suffix_key, suffix, reason)
    ON CONFLICT (prefix, suffix_key) DO UPDATE SET reason = excluded.reason, instruction_id = excluded.instruction_id
    RETURNING xmax = 0 AS new
)
SELECT count(*) FILTER (WHERE new) FROM blocked

-- name: unblock
-- Names that may be resolved again.
WITH freed AS (
    DELETE FROM blocked_identifier b USING unnest($1::text[], $2::text[]) AS gone (prefix, suffix_key)
    WHERE b.prefix = gone.prefix AND b.suffix_key = gone.suffix_key
    RETURNING 1
)
SELECT count(*) FROM freed

-- name: is_blocked
-- For whoever reads a record without the resolver.
SELECT EXISTS (SELECT FROM blocked_identifier WHERE prefix = $1 AND suffix_key = $2)

-- name: announce_blocked
-- Tell every resolver, at commit.
SELECT pg_notify($1, $2)
