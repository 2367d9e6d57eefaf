-- name: lock_standing
-- What stands of these identifiers, deleted ones included, held until the transaction ends; in key order.
SELECT i.suffix_key, i.template_id, i.version, i.state, i.registered_at, i.updated_at,
       coalesce(i.suffix, i.suffix_key) AS suffix, i.record
FROM identifier i WHERE i.prefix_id = $1 AND i.suffix_key = ANY ($2::text[])
ORDER BY i.suffix_key FOR UPDATE

-- name: bring_forward
-- Standing identifiers as the rows say they are; their versions are the rows' own.
UPDATE identifier AS i
SET template_id = wanted.template_id, version = wanted.version, state = wanted.state,
    registered_at = wanted.registered_at, updated_at = wanted.updated_at, suffix = wanted.suffix, record = wanted.record
FROM unnest($2::text[], $3::int[], $4::int[], $5::smallint[], $6::timestamptz[], $7::timestamptz[], $8::text[],
            $9::bytea[])
     AS wanted (suffix_key, template_id, version, state, registered_at, updated_at, suffix, record)
WHERE i.prefix_id = $1 AND i.suffix_key = wanted.suffix_key
