-- What the node is, beside its settings.

-- name: node_and_database
-- For people who look at its settings.
SELECT node_id, laboratory, created_at, current_setting('server_version') AS postgresql FROM node_state
