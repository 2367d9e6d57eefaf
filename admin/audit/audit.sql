-- The audit trail: acts and changes of identifiers, by their positions.

-- name: plan_each_time
-- Which index serves depends on the filters that are given; a plan for all of them would read whole tables.
SELECT set_config('plan_cache_mode', 'force_custom_plan', true)

-- name: newest_positions
-- Where the two lists begin.
SELECT (SELECT coalesce(max(act_id), 0) FROM act_history) AS acts,
       (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM identifier_history_history_id_seq) AS changes

-- name: acts_between
-- The newest acts between two positions that meet the filters.
SELECT h.act_id AS number, h.at, h.account_id, a.name AS account_name, a.role AS account_role, h.interface, h.action,
       h.subject_kind, h.subject_id, h.before, h.after, h.reason
FROM act_history h
LEFT JOIN account a ON a.account_id = h.account_id
WHERE h.act_id > $1 AND h.act_id < $2 AND h.at >= $3 AND h.at < $4
  AND ($5::boolean IS NULL OR (h.account_id IS NULL) = $5)
  AND ($6::uuid IS NULL OR h.account_id = $6)
  AND ($7::smallint IS NULL OR h.interface = $7)
  AND ($8::text = '' OR h.action = $8 OR h.action ^@ ($8 || '.'))
  AND ($9::text = '' OR h.subject_kind = $9)
  AND ($10::text[] IS NULL OR h.subject_id = ANY ($10))
ORDER BY h.act_id DESC LIMIT $11

-- name: changes_between
-- The newest changes of identifiers between two positions that meet the filters; the range index finds the positions.
WITH found AS (
    SELECT h.history_id, h.at, h.account_id, h.interface, h.action, h.prefix_id, h.suffix_key, h.version, h.batch_id,
           h.before_state, h.before_template_id
    FROM identifier_history h
    WHERE h.history_id > $1 AND h.history_id < $2 AND h.at >= $3 AND h.at < $4
      AND ($5::uuid IS NULL OR h.account_id = $5)
      AND ($6::smallint IS NULL OR h.interface = $6)
      AND ($7::smallint[] IS NULL OR h.action = ANY ($7))
      AND ($8::integer[] IS NULL OR h.prefix_id = ANY ($8))
      AND ($9::text IS NULL OR h.suffix_key = $9)
    ORDER BY h.history_id DESC LIMIT $10
)
SELECT f.history_id AS number, f.at, f.account_id, a.name AS account_name, a.role AS account_role, f.interface,
       f.action, p.prefix, coalesce(i.suffix, f.suffix_key) AS suffix, f.version, f.batch_id, f.before_state,
       f.before_template_id
FROM found f
LEFT JOIN account a ON a.account_id = f.account_id
JOIN prefix p ON p.prefix_id = f.prefix_id
LEFT JOIN identifier i ON i.prefix_id = f.prefix_id AND i.suffix_key = f.suffix_key
ORDER BY f.history_id DESC

-- name: time_of_act
-- When the first act from a position on was done, for finding positions by time.
SELECT at FROM act_history WHERE act_id >= $1 AND act_id < $2 ORDER BY act_id LIMIT 1

-- name: time_of_change
-- Likewise of identifiers; the window keeps the range index to a few pages.
SELECT at FROM identifier_history WHERE history_id >= $1 AND history_id < $2 ORDER BY history_id LIMIT 1

-- name: account_named
-- Whose acts are asked for.
SELECT account_id FROM account WHERE lower(name COLLATE "C") = lower($1 COLLATE "C") OR account_id::text = lower($1)

-- name: prefixes_named
-- A prefix that was applied for again has had several rows.
SELECT prefix_id FROM prefix WHERE prefix = $1

-- name: find_act
-- One act with what its leaf is made of; before and after as they stand.
SELECT h.act_id AS number, h.at, h.account_id, a.name AS account_name, a.role AS account_role, h.interface, h.action,
       h.subject_kind, h.subject_id, h.before, h.after, h.reason, h.nonce
FROM act_history h
LEFT JOIN account a ON a.account_id = h.account_id
WHERE h.act_id = $1

-- name: find_change
-- One change of an identifier with the record it replaced and what names it in the log.
SELECT h.history_id AS number, h.at, h.account_id, a.name AS account_name, a.role AS account_role, h.interface,
       h.action, p.prefix, coalesce(i.suffix, h.suffix_key) AS suffix, h.suffix_key, h.version, h.batch_id,
       h.before_state, h.before_template_id, h.before AS record_before, p.log_secret
FROM identifier_history h
LEFT JOIN account a ON a.account_id = h.account_id
JOIN prefix p ON p.prefix_id = h.prefix_id
LEFT JOIN identifier i ON i.prefix_id = h.prefix_id AND i.suffix_key = h.suffix_key
WHERE h.history_id = $1

-- name: newest_event
-- Where the leaves end.
SELECT coalesce(max(event_id), 0) FROM event

-- name: leaf_from
-- The first leaf from a position on, for finding positions by time.
SELECT leaf FROM event WHERE event_id >= $1 ORDER BY event_id LIMIT 1

-- name: leaves_about
-- Those leaves between two positions that name a thing ($3), and the packs of what was done at its time ($4) in which
-- its tag ($5) stands.
SELECT event_id, leaf, packed FROM event
WHERE event_id >= $1 AND event_id < $2
  AND CASE WHEN packed IS NULL THEN position($3::bytea IN leaf) > 0
           WHEN position($4::bytea IN leaf) > 0 THEN position($5::bytea IN packed) > 0 END
ORDER BY event_id

-- name: wait_little
-- For locks, in this transaction.
SELECT set_config('lock_timeout', $1, true)

-- name: summarise
-- The range index learns what was written last.
SELECT summarize_history()
