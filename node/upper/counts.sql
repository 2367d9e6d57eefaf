-- name: state_counts
-- A later statement about a period replaces an earlier one, in whatever order they arrive.
INSERT INTO docked_count (node_id, laboratory, stated_at, period, at, registered, updated, deleted, suspended, resumed,
                          resolutions)
SELECT $1, $2, $3, c.period, c.at, c.registered, c.updated, c.deleted, c.suspended, c.resumed, c.resolutions::jsonb
FROM unnest($4::text[], $5::timestamptz[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[],
            $11::text[])
     AS c(period, at, registered, updated, deleted, suspended, resumed, resolutions)
ON CONFLICT (node_id, period, at) DO UPDATE
SET laboratory = docked_count.laboratory OR excluded.laboratory, stated_at = excluded.stated_at,
    registered = excluded.registered, updated = excluded.updated, deleted = excluded.deleted,
    suspended = excluded.suspended, resumed = excluded.resumed, resolutions = excluded.resolutions
WHERE docked_count.stated_at <= excluded.stated_at
