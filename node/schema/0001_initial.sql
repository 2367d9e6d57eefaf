-- The whole node in one picture: who (enterprise, account, token), what they hold (prefix, template),
-- what they register (identifier, attribute_index, batch, rejection), and the three traces every act
-- leaves in its own transaction: history, event (leaf-to-be of the transparency log), outbox.
--
-- Rules that data must obey are named constraints; registry/store.py turns their names into errors.
-- Identifiers, histories and events carry no per-row foreign keys: they are written by the hundred
-- thousand under a lock on their prefix row, which is the only parent they have (ADR 0002).

CREATE TABLE node_state (
    only_row        boolean PRIMARY KEY DEFAULT true CONSTRAINT node_state_only_row CHECK (only_row),
    node_id         uuid NOT NULL,
    laboratory      boolean NOT NULL,
    created_at      timestamptz NOT NULL
);
COMMENT ON COLUMN node_state.laboratory IS 'a laboratory node stays one: the mark 实验数据 cannot be removed';

CREATE TABLE enterprise (
    enterprise_id   uuid PRIMARY KEY,
    credit_code     text NOT NULL CONSTRAINT enterprise_credit_code_form CHECK (credit_code ~ '^[0-9A-HJ-NP-RTUWXY]{18}$'),
    name            text NOT NULL CONSTRAINT enterprise_name_length CHECK (char_length(name) BETWEEN 1 AND 200),
    name_en         text,
    division_code   text NOT NULL,
    industry_code   text NOT NULL,
    address         text NOT NULL DEFAULT '',
    contact_name    text NOT NULL DEFAULT '',
    contact_phone   text NOT NULL DEFAULT '',
    contact_email   text NOT NULL DEFAULT '',
    website         text NOT NULL DEFAULT '',
    state           text NOT NULL CONSTRAINT enterprise_state_known
                    CHECK (state IN ('draft', 'submitted', 'approved', 'returned', 'rejected', 'suspended', 'closed')),
    reason          text NOT NULL DEFAULT '',
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);
CREATE UNIQUE INDEX enterprise_credit_code_unique ON enterprise (credit_code)
    WHERE state NOT IN ('rejected', 'closed');
CREATE INDEX enterprise_by_state ON enterprise (state, enterprise_id);

CREATE TABLE account (
    account_id      uuid PRIMARY KEY,
    name            text NOT NULL CONSTRAINT account_name_form CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._@-]{1,63}$'),
    role            text NOT NULL CONSTRAINT account_role_known
                    CHECK (role IN ('administrator', 'reviewer', 'auditor', 'enterprise_user', 'application')),
    enterprise_id   uuid CONSTRAINT account_enterprise_known REFERENCES enterprise,
    password_hash   text,
    state           text NOT NULL CONSTRAINT account_state_known CHECK (state IN ('active', 'disabled')),
    failures        integer NOT NULL DEFAULT 0,
    locked_until    timestamptz,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    CONSTRAINT account_enterprise_by_role
        CHECK ((role IN ('enterprise_user', 'application')) = (enterprise_id IS NOT NULL))
);
CREATE UNIQUE INDEX account_name_unique ON account (lower(name COLLATE "C"));

CREATE TABLE token (
    token_id        uuid PRIMARY KEY,
    account_id      uuid NOT NULL REFERENCES account,
    label           text NOT NULL DEFAULT '',
    secret_hash     bytea NOT NULL,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    revoked_at      timestamptz
);
CREATE INDEX token_by_account ON token (account_id, token_id);

CREATE TABLE prefix (
    prefix_id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    prefix          text COLLATE "C" NOT NULL CONSTRAINT prefix_form
                    CHECK (prefix ~ '^(86|88)\.[0-9]+(\.[0-9A-Z]+)?$' AND char_length(prefix) <= 64),
    enterprise_id   uuid NOT NULL CONSTRAINT prefix_enterprise_known REFERENCES enterprise,
    state           text NOT NULL CONSTRAINT prefix_state_known
                    CHECK (state IN ('applied', 'reviewed', 'verified', 'enabled', 'suspended', 'withdrawn', 'rejected', 'refused')),
    purpose         text NOT NULL DEFAULT '',
    reason          text NOT NULL DEFAULT '',
    suspended_with_enterprise boolean NOT NULL DEFAULT false,
    log_secret      bytea NOT NULL CONSTRAINT prefix_log_secret_length CHECK (octet_length(log_secret) = 32),
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);
COMMENT ON COLUMN prefix.prefix IS 'ASCII upper case, the comparison key';
COMMENT ON COLUMN prefix.suspended_with_enterprise IS 'resumes when its enterprise does';
COMMENT ON COLUMN prefix.log_secret IS 'keys the tags and nonces of this prefix in the transparency log';
-- A number is not given twice, not even after withdrawal; an application turned down frees it.
CREATE UNIQUE INDEX prefix_unique ON prefix (prefix) WHERE state NOT IN ('rejected', 'refused');
CREATE INDEX prefix_by_enterprise ON prefix (enterprise_id, prefix_id);

CREATE TABLE template (
    template_id     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    enterprise_id   uuid CONSTRAINT template_enterprise_known REFERENCES enterprise,
    name            text COLLATE "C" NOT NULL,
    template_version integer NOT NULL,
    state           text NOT NULL CONSTRAINT template_state_known CHECK (state IN ('draft', 'published', 'withdrawn')),
    definition      jsonb NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);
COMMENT ON COLUMN template.enterprise_id IS 'null: the node''s own template, usable by every enterprise';
CREATE UNIQUE INDEX template_name_unique ON template
    (coalesce(enterprise_id, '00000000-0000-0000-0000-000000000000'::uuid), name, template_version);

CREATE TABLE identifier (
    prefix_id       integer NOT NULL,
    template_id     integer NOT NULL,
    version         integer NOT NULL,
    state           smallint NOT NULL DEFAULT 1 CONSTRAINT identifier_state_known CHECK (state IN (1, 2)),
    registered_at   timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    suffix_key      text COLLATE "C" NOT NULL,
    suffix          text COLLATE "C",
    record          bytea NOT NULL,
    CONSTRAINT identifier_unique PRIMARY KEY (prefix_id, suffix_key)
);
COMMENT ON TABLE identifier IS 'one row per identifier; record = 4-byte count and Handle values as on the wire';
COMMENT ON COLUMN identifier.suffix IS 'the registered spelling, null when equal to suffix_key';
COMMENT ON COLUMN identifier.state IS '1 live, 2 deleted (the row stays so that versions and counts go on)';

CREATE TABLE attribute_index (
    prefix_id       integer NOT NULL,
    template_id     integer NOT NULL,
    attribute_index integer NOT NULL,
    is_unique       boolean NOT NULL,
    value           text COLLATE "C" NOT NULL,
    suffix_key      text COLLATE "C" NOT NULL,
    PRIMARY KEY (prefix_id, suffix_key, attribute_index)
);
CREATE INDEX attribute_index_by_value ON attribute_index (prefix_id, template_id, attribute_index, value, suffix_key)
    WHERE NOT is_unique;
CREATE UNIQUE INDEX attribute_value_unique ON attribute_index (prefix_id, template_id, attribute_index, value)
    WHERE is_unique;

CREATE TABLE batch (
    batch_id        uuid PRIMARY KEY,
    account_id      uuid NOT NULL,
    prefix_id       integer NOT NULL,
    template_id     integer NOT NULL,
    idempotency_key text NOT NULL,
    request         jsonb NOT NULL,
    state           text NOT NULL CONSTRAINT batch_state_known CHECK (state IN ('running', 'finished', 'failed')),
    header          jsonb,
    read_offset     bigint NOT NULL DEFAULT 0,
    read_line       bigint NOT NULL DEFAULT 1,
    body_bytes      bigint NOT NULL DEFAULT 0,
    body_digest     bytea,
    registered      bigint NOT NULL DEFAULT 0,
    unchanged       bigint NOT NULL DEFAULT 0,
    rejected        bigint NOT NULL DEFAULT 0,
    failure         jsonb,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);
COMMENT ON COLUMN batch.read_offset IS 'bytes of the body that are settled: each row before it is registered or rejected';
COMMENT ON COLUMN batch.body_digest IS 'SHA-256 of the first body_bytes of the body, which are not fewer than read_offset';
CREATE UNIQUE INDEX batch_key_unique ON batch (account_id, idempotency_key);
CREATE INDEX batch_by_prefix ON batch (prefix_id, batch_id);

CREATE TABLE rejection (
    batch_id        uuid NOT NULL,
    line            bigint NOT NULL,
    fault           smallint NOT NULL,
    field           text,
    code            text NOT NULL,
    message         text NOT NULL,
    input_row       bytea NOT NULL,
    PRIMARY KEY (batch_id, line, fault)
);

-- The three traces ---------------------------------------------------------------------------------

CREATE TABLE identifier_history (
    prefix_id       integer NOT NULL,
    version         integer NOT NULL,
    action          smallint NOT NULL CONSTRAINT identifier_history_action_known CHECK (action IN (1, 2, 3)),
    interface       smallint NOT NULL,
    at              timestamptz NOT NULL,
    account_id      uuid NOT NULL,
    batch_id        uuid,
    suffix_key      text COLLATE "C" NOT NULL,
    before          bytea,
    CONSTRAINT identifier_history_unique PRIMARY KEY (prefix_id, suffix_key, version)
);
COMMENT ON COLUMN identifier_history.action IS '1 register, 2 update, 3 delete';
COMMENT ON COLUMN identifier_history.before IS 'the record this version replaced; a first registration keeps no copy';

CREATE TABLE act_history (
    act_id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at              timestamptz NOT NULL,
    account_id      uuid,
    interface       smallint NOT NULL,
    action          text NOT NULL,
    subject_kind    text NOT NULL,
    subject_id      text NOT NULL,
    before          jsonb,
    after           jsonb,
    reason          text NOT NULL DEFAULT '',
    nonce           bytea NOT NULL CONSTRAINT act_history_nonce_length CHECK (octet_length(nonce) = 16)
);
COMMENT ON COLUMN act_history.nonce IS 'hides what the leaf of this act commits to';
COMMENT ON TABLE act_history IS 'business and administrative acts: reviews, prefixes, templates, accounts, tokens, settings';
CREATE INDEX act_history_by_subject ON act_history (subject_kind, subject_id, act_id);

CREATE TABLE event (
    event_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction_id  xid8 NOT NULL DEFAULT pg_current_xact_id(),
    leaf            bytea NOT NULL CONSTRAINT event_leaf_length CHECK (octet_length(leaf) <= 1024)
);
COMMENT ON TABLE event IS 'leaves waiting for their place in the transparency log; event_id is not commit order';

CREATE TABLE outbox (
    message_id      uuid PRIMARY KEY,
    transaction_id  xid8 NOT NULL DEFAULT pg_current_xact_id(),
    outbox_id       bigint GENERATED ALWAYS AS IDENTITY,
    stream          text NOT NULL,
    kind            text NOT NULL,
    body            jsonb NOT NULL,
    created_at      timestamptz NOT NULL,
    attempts        integer NOT NULL DEFAULT 0,
    delivered_at    timestamptz,
    last_error      text
);
CREATE INDEX outbox_waiting ON outbox (stream, outbox_id) WHERE delivered_at IS NULL;
CREATE INDEX outbox_summary_by_time ON outbox (created_at) WHERE kind = 'registration.summary';
COMMENT ON COLUMN outbox.transaction_id IS
    'stands before outbox_id: a transaction has its number before it draws one, as node/national/outbox.py relies on';

-- How far the conversation with the national node has come.
CREATE TABLE national_state (
    only_row        boolean PRIMARY KEY DEFAULT true CONSTRAINT national_state_only_row CHECK (only_row),
    last_verdict    bigint NOT NULL DEFAULT 0,
    last_contact_at timestamptz
);
COMMENT ON COLUMN national_state.last_verdict IS 'sequence of the newest verification result that has been applied';
INSERT INTO national_state DEFAULT VALUES;

CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed or removed', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER identifier_history_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON identifier_history
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER act_history_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON act_history
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();

CREATE FUNCTION keep_laboratory_mark() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' THEN
        RAISE EXCEPTION 'the state of a node is not removed' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF OLD.laboratory AND NOT NEW.laboratory THEN
        RAISE EXCEPTION 'a laboratory node stays one' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER node_state_laboratory BEFORE UPDATE OR DELETE ON node_state
    FOR EACH ROW EXECUTE FUNCTION keep_laboratory_mark();
CREATE TRIGGER node_state_kept BEFORE TRUNCATE ON node_state
    FOR EACH STATEMENT EXECUTE FUNCTION keep_laboratory_mark();

-- Counting: cumulative per process start and minute; issue of rules, evidence and roll-ups builds on it.
CREATE TABLE resolution_count (
    boot_id         uuid NOT NULL,
    minute          timestamptz NOT NULL,
    prefix          text COLLATE "C" NOT NULL,
    interface       smallint NOT NULL,
    outcome         smallint NOT NULL,
    resolutions     bigint NOT NULL,
    PRIMARY KEY (boot_id, minute, prefix, interface, outcome)
);
CREATE INDEX resolution_count_by_minute ON resolution_count (minute);

-- Rights: the owner migrates, the writer works, the reader resolves ---------------------------------
GRANT SELECT, INSERT, UPDATE ON enterprise, account, token, prefix, template, identifier, batch, outbox, node_state, resolution_count
    TO biaoshi_writer;
GRANT SELECT, UPDATE ON national_state TO biaoshi_writer;
GRANT SELECT ON SEQUENCE outbox_outbox_id_seq TO biaoshi_writer;
GRANT SELECT, INSERT, DELETE ON attribute_index TO biaoshi_writer;
GRANT SELECT, INSERT ON rejection, identifier_history, act_history, event TO biaoshi_writer;
GRANT SELECT ON enterprise, prefix, template, identifier, node_state TO biaoshi_reader;
