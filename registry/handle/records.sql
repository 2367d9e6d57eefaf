-- The identifiers under a prefix as the Handle protocol lists and reads them.

-- name: live_keys_after
-- A page of what resolves, by keyset.
SELECT suffix_key FROM identifier WHERE prefix_id = $1 AND suffix_key > $2 AND state = 1 ORDER BY suffix_key LIMIT $3

-- name: count_live
-- How many resolve: all but the few that do not, each counted by an index of its own.
SELECT (SELECT count(*) FROM identifier WHERE prefix_id = $1)
       - (SELECT count(*) FROM identifier WHERE prefix_id = $1 AND state <> 1)
