-- What the counters of a process, or of one that was killed, write to the database (as biaoshi_writer).

-- name: write_totals
-- Totals of a process start so far: written twice or late they are still right. In one order, lest its last write and
-- that of whoever adopts it wait for each other.
INSERT INTO resolution_count (boot_id, minute, prefix, interface, outcome, resolutions)
SELECT $1, counted.minute, counted.prefix, counted.interface, counted.outcome, counted.resolutions
FROM unnest($2::timestamptz[], $3::text[], $4::smallint[], $5::smallint[], $6::bigint[])
     AS counted (minute, prefix, interface, outcome, resolutions)
ORDER BY counted.minute, counted.prefix, counted.interface, counted.outcome
ON CONFLICT (boot_id, minute, prefix, interface, outcome)
DO UPDATE SET resolutions = greatest(resolution_count.resolutions, excluded.resolutions)

-- name: mark_hours
-- An hour marked twice is written again all the same: that lock makes whoever takes the mark away wait for us, and so
-- see what we counted.
INSERT INTO hour_to_sum (hour)
SELECT DISTINCT date_trunc('hour', minute, 'UTC') FROM unnest($1::timestamptz[]) AS minute ORDER BY 1
ON CONFLICT (hour) DO UPDATE SET hour = excluded.hour

-- name: note_gap
-- Noted once, however often somebody finds it.
INSERT INTO counting_gap (recorder_id, boot_id, cause, began_at, ended_at, noted_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT ON CONSTRAINT counting_gap_once DO NOTHING

-- name: client_keys
-- By what addresses are hashed in this month and the next; what is older is no worker's business.
SELECT month, key FROM counting_key WHERE month >= $1 ORDER BY month

-- name: make_client_key
-- Of all processes that find none, one makes it.
INSERT INTO counting_key (month, key, created_at) VALUES ($1, $2, $3) ON CONFLICT (month) DO NOTHING
