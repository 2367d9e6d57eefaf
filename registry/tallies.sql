-- Tallies of registrations: written by registry/identifiers/writing.sql, in the transaction that they are of.

-- name: sum_registrations
-- Rows of transactions become sums of days; whoever does the same meanwhile waits, and finds these rows gone.
WITH taken AS (
    DELETE FROM registration_tally
    WHERE tally_id = ANY (ARRAY (SELECT tally_id FROM registration_tally ORDER BY tally_id LIMIT $1))
    RETURNING (at AT TIME ZONE INTERVAL '08:00')::date AS day, prefix_id, template_id, registered, first_registered,
              updated, deleted, suspended, resumed, moved_in, moved_out
), summed AS (
    INSERT INTO registration_day AS d (day, prefix_id, template_id, registered, first_registered, updated, deleted,
                                       suspended, resumed, moved_in, moved_out)
    SELECT day, prefix_id, template_id, sum(registered), sum(first_registered), sum(updated), sum(deleted),
           sum(suspended), sum(resumed), sum(moved_in), sum(moved_out)
    FROM taken GROUP BY day, prefix_id, template_id
    ORDER BY day, prefix_id, template_id
    ON CONFLICT (day, prefix_id, template_id) DO UPDATE
    SET registered = d.registered + excluded.registered,
        first_registered = d.first_registered + excluded.first_registered,
        updated = d.updated + excluded.updated, deleted = d.deleted + excluded.deleted,
        suspended = d.suspended + excluded.suspended, resumed = d.resumed + excluded.resumed,
        moved_in = d.moved_in + excluded.moved_in, moved_out = d.moved_out + excluded.moved_out
    RETURNING d.day
)
SELECT DISTINCT day FROM summed ORDER BY day

-- name: registrations_from_history
-- The counts of days from the history of every identifier.
SELECT (at AT TIME ZONE INTERVAL '08:00')::date AS day, prefix_id, count(*) FILTER (WHERE registered) AS registered,
       count(*) FILTER (WHERE first_registered) AS first_registered, count(*) FILTER (WHERE updated) AS updated,
       count(*) FILTER (WHERE deleted) AS deleted, count(*) FILTER (WHERE suspended) AS suspended,
       count(*) FILTER (WHERE resumed) AS resumed
FROM registration_in_history
WHERE at >= $1 AND at < $2
GROUP BY 1, 2
