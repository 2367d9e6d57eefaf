-- What the node above may ask for.

-- name: state_of_identifier
-- Deleted ones included, and whether it is blocked; beside what is answered of it.
SELECT i.version, i.state, i.registered_at, i.updated_at, a.suffix, a.record, a.hidden, t.name AS template,
       t.template_version,
       EXISTS (SELECT FROM blocked_identifier b WHERE b.prefix = $1 AND b.suffix_key = i.suffix_key) AS blocked
FROM prefix p
JOIN identifier i ON i.prefix_id = p.prefix_id AND i.suffix_key = $2
JOIN answered_identifier a ON a.prefix_id = p.prefix_id AND a.suffix_key = i.suffix_key
LEFT JOIN template t ON t.template_id = i.template_id
WHERE p.prefix = $1 AND p.state NOT IN ('rejected', 'refused')

-- name: versions_of_identifier
-- What happened to it, newest first, by keyset; nothing of who did it.
SELECT h.version, h.action, h.interface, h.at, h.history_id
FROM prefix p JOIN identifier_history h ON h.prefix_id = p.prefix_id AND h.suffix_key = $2
WHERE p.prefix = $1 AND p.state NOT IN ('rejected', 'refused') AND h.version < $3
ORDER BY h.version DESC LIMIT $4

-- name: registrations_of_days
-- By day of China, the second one excluded.
SELECT day, sum(registered)::bigint AS registered, sum(updated)::bigint AS updated, sum(deleted)::bigint AS deleted,
       sum(suspended)::bigint AS suspended, sum(resumed)::bigint AS resumed
FROM registration_by_day WHERE day >= $1 AND day < $2 GROUP BY day

-- name: resolutions_of_days
-- Likewise, as they are summed up.
SELECT day, interface, outcome, sum(resolutions)::bigint AS resolutions
FROM resolution_day WHERE day >= $1 AND day < $2 AND resolutions > 0
GROUP BY day, interface, outcome ORDER BY day, interface, outcome

-- name: templates_told
-- Whatever was ever published, by keyset.
SELECT template_id, enterprise_id, name, template_version, state, definition::text AS definition, created_at, updated_at
FROM template WHERE state <> 'draft' AND template_id > $1 ORDER BY template_id LIMIT $2
