-- name: note_enterprise
-- The newest report on an enterprise.
INSERT INTO docked_enterprise (node_id, enterprise_id, credit_code, other_certificate, name, division_code, industry_code,
                               state, report, reported_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10)
ON CONFLICT (node_id, enterprise_id) DO UPDATE
SET credit_code = excluded.credit_code, other_certificate = excluded.other_certificate, name = excluded.name,
    division_code = excluded.division_code, industry_code = excluded.industry_code, state = excluded.state,
    report = excluded.report, reported_at = excluded.reported_at

-- name: ask_verification
-- A prefix that the node has reviewed; judged later, outside the request.
INSERT INTO docked_verification (node_id, delegated_prefix, application, prefix, enterprise_id, credit_code,
                                 other_certificate, asked_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: drop_verification
-- Nobody asks any more.
UPDATE docked_verification SET decided_at = $3 WHERE prefix = $1 AND delegated_prefix = $2 AND decided_at IS NULL

-- name: note_prefix
-- What the holder's node reports about a prefix that passed.
UPDATE docked_prefix SET state = $3, changed_at = $4 WHERE prefix = $1 AND delegated_prefix = $2

-- name: note_prefix_route
-- Where its enterprise answers for it itself.
UPDATE docked_prefix SET hosting = $3, sites = $4::jsonb, changed_at = $5 WHERE prefix = $1 AND delegated_prefix = $2

-- name: pass_prefix_on
-- Another enterprise of the same node holds it now.
UPDATE docked_prefix SET enterprise_id = $3, credit_code = $4, other_certificate = $5, changed_at = $6
WHERE prefix = $1 AND delegated_prefix = $2

-- name: note_route
-- Where a node answers for what was delegated to it.
INSERT INTO docked_route (delegated_prefix, node_id, serial, sites, public_key, reported_at)
VALUES ($1, $2, $3, $4::jsonb, $5, $6)
ON CONFLICT (delegated_prefix) DO UPDATE
SET node_id = excluded.node_id, serial = excluded.serial, sites = excluded.sites, public_key = excluded.public_key,
    reported_at = excluded.reported_at

-- name: note_template
-- The newest report on a template.
INSERT INTO docked_template (node_id, template_id, name, template_version, state, report, reported_at)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7)
ON CONFLICT (node_id, template_id) DO UPDATE
SET name = excluded.name, template_version = excluded.template_version, state = excluded.state,
    report = excluded.report, reported_at = excluded.reported_at

-- name: add_registrations
-- Each summary is added once, for its message is accepted once.
INSERT INTO docked_registration (node_id, prefix, registered, updated, deleted, suspended, resumed)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (node_id, prefix) DO UPDATE
SET registered = docked_registration.registered + excluded.registered,
    updated = docked_registration.updated + excluded.updated,
    deleted = docked_registration.deleted + excluded.deleted,
    suspended = docked_registration.suspended + excluded.suspended,
    resumed = docked_registration.resumed + excluded.resumed

-- name: note_answer
-- An instruction is answered once; a node answers its own.
UPDATE docked_instruction SET outcome = $3, detail = $4, result = $5::jsonb, answered_at = $6
WHERE instruction_id = $1 AND delegated_prefix = $2 AND outcome IS NULL
