-- The native Handle protocol: prefix handles 0.NA/…, the secret keys of their administrators, and what a prefix
-- lets the protocol register.

-- Derived prefixes (a fourth segment and more) are allotted by the administrators of the prefix above them.
ALTER TABLE prefix DROP CONSTRAINT prefix_form,
    ADD CONSTRAINT prefix_form CHECK (prefix ~ '^(86|88)\.[0-9]+(\.[0-9A-Z]+)*$' AND char_length(prefix) <= 64);

CREATE TABLE prefix_handle (
    prefix          text COLLATE "C" PRIMARY KEY CONSTRAINT prefix_handle_form
                    CHECK (prefix ~ '^(86|88)\.[0-9]+(\.[0-9A-Z]+)*$' AND char_length(prefix) <= 64),
    version         integer NOT NULL,
    registered_at   timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    record          bytea NOT NULL
);
COMMENT ON TABLE prefix_handle IS 'what the handle 0.NA/<prefix> says: administrators, public keys, sites; no secrets';
COMMENT ON COLUMN prefix_handle.prefix IS 'ASCII upper case; the node''s own prefix and those below it';

CREATE TABLE handle_secret (
    prefix          text COLLATE "C" NOT NULL REFERENCES prefix_handle,
    value_index     integer NOT NULL CONSTRAINT handle_secret_index_positive CHECK (value_index > 0),
    secret          bytea NOT NULL CONSTRAINT handle_secret_length CHECK (octet_length(secret) BETWEEN 8 AND 1024),
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (prefix, value_index)
);
COMMENT ON TABLE handle_secret IS 'HS_SECKEY values of prefix handles; they prove who asks and are never answered';

CREATE TABLE handle_policy (
    prefix_id       integer PRIMARY KEY CONSTRAINT handle_policy_prefix_known REFERENCES prefix,
    template_id     integer NOT NULL CONSTRAINT handle_policy_template_known REFERENCES template,
    coding_rule_id  integer CONSTRAINT handle_policy_coding_rule_known REFERENCES coding_rule,
    free_values     boolean NOT NULL DEFAULT false,
    daily_requests  bigint CONSTRAINT handle_policy_daily_requests_positive CHECK (daily_requests > 0),
    identifiers     bigint CONSTRAINT handle_policy_identifiers_positive CHECK (identifiers > 0),
    derived_prefixes integer CONSTRAINT handle_policy_derived_prefixes_positive CHECK (derived_prefixes >= 0),
    request_day     date,
    requests        bigint NOT NULL DEFAULT 0,
    registered      bigint NOT NULL DEFAULT 0,
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);
COMMENT ON TABLE handle_policy IS 'what the Handle protocol may register under a prefix; without a row, nothing';
COMMENT ON COLUMN handle_policy.free_values IS 'values that the template does not know are kept as they came';
COMMENT ON COLUMN handle_policy.requests IS 'administrative requests on request_day (Asia/Shanghai), for daily_requests';
COMMENT ON COLUMN handle_policy.registered IS 'identifiers registered through the protocol so far, for identifiers';

CREATE TABLE handle_session (
    session_digest  bytea PRIMARY KEY CONSTRAINT handle_session_digest_length CHECK (octet_length(session_digest) = 32),
    handle          text NOT NULL,
    value_index     integer NOT NULL,
    key_digest      bytea NOT NULL,
    proof_digest    bytea NOT NULL,
    began_at        timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    ended           boolean NOT NULL DEFAULT false
);
CREATE INDEX handle_session_by_identity ON handle_session (handle, value_index, began_at);
CREATE INDEX handle_session_by_end ON handle_session (expires_at);
COMMENT ON TABLE handle_session IS 'sessions of the Handle JSON interface whose clients have proved who they are';
COMMENT ON COLUMN handle_session.session_digest IS 'SHA-256 of the session id, which is not kept';
COMMENT ON COLUMN handle_session.key_digest IS 'SHA-256 of the key that proved it: another key ends the session';
COMMENT ON COLUMN handle_session.proof_digest IS 'SHA-256 of the proof, which clients may send again with each request';
COMMENT ON COLUMN handle_session.ended IS 'ended by its client; kept until no proof for it can be accepted any more';

GRANT SELECT, INSERT, UPDATE ON prefix_handle TO biaoshi_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON handle_secret, handle_policy, handle_session TO biaoshi_writer;
GRANT SELECT ON prefix_handle TO biaoshi_reader;
