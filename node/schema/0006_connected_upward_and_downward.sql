-- Connected upward and downward: credentials, instructions from above, logs, takeover, escrow, uploads to the city;
-- and the upper side of the same interface, for the nodes below this one.

-- Upward: who we are to the node above ---------------------------------------------------------------

CREATE TABLE national_credential (
    access_key      text PRIMARY KEY,
    secret_sealed   bytea NOT NULL,
    issued_at       timestamptz NOT NULL,
    expires_at      timestamptz
);
COMMENT ON TABLE national_credential IS 'key pairs that the node above issued; the newest one signs, beside the one in the settings';
COMMENT ON COLUMN national_credential.secret_sealed IS 'sealed for the context national_credential:<access_key>';

CREATE TABLE national_application (
    application_id  uuid PRIMARY KEY,
    secret_sealed   bytea NOT NULL,
    body            jsonb NOT NULL,
    state           text NOT NULL CONSTRAINT national_application_state_known CHECK (state IN ('sent', 'approved', 'rejected')),
    reason          text NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL,
    decided_at      timestamptz
);
COMMENT ON TABLE national_application IS 'our applications for access (接入申请); one is open at a time';
CREATE UNIQUE INDEX national_application_open ON national_application ((true)) WHERE state = 'sent';

-- What the node above told us to do; kept for ever, answered by a message of stream "instruction".
CREATE TABLE instruction (
    sequence        bigint PRIMARY KEY,
    instruction_id  uuid NOT NULL CONSTRAINT instruction_once UNIQUE,
    kind            text NOT NULL,
    body            jsonb NOT NULL,
    issued_at       timestamptz NOT NULL,
    received_at     timestamptz NOT NULL,
    attempts        integer NOT NULL DEFAULT 0,
    outcome         text CONSTRAINT instruction_outcome_known CHECK (outcome IN ('done', 'refused', 'failed')),
    detail          text NOT NULL DEFAULT '',
    result          jsonb,
    answered_at     timestamptz
);
CREATE INDEX instruction_open ON instruction (sequence) WHERE outcome IS NULL;

CREATE TABLE blocked_identifier (
    prefix          text COLLATE "C" NOT NULL,
    suffix_key      text COLLATE "C" NOT NULL,
    suffix          text COLLATE "C" NOT NULL,
    reason          text NOT NULL,
    instruction_id  uuid NOT NULL,
    blocked_at      timestamptz NOT NULL,
    PRIMARY KEY (prefix, suffix_key)
);
COMMENT ON TABLE blocked_identifier IS
    'identifiers that the node above forbids to resolve (封堵), registered here, elsewhere or nowhere; keys as in prefix and identifier';

ALTER TABLE prefix ADD COLUMN suspended_from_above boolean NOT NULL DEFAULT false,
    ADD COLUMN suspended_here boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN prefix.suspended_from_above IS 'suspended by an instruction from above: nobody here can resume it';
COMMENT ON COLUMN prefix.suspended_here IS 'was suspended here before it was from above: the end of that does not resume it';

-- Hours and days of which the node above does not know the newest count. Marked by whoever changes a sum.
CREATE TABLE count_to_state (
    period          text NOT NULL CONSTRAINT count_to_state_period_known CHECK (period IN ('hour', 'day')),
    at              timestamptz NOT NULL,
    mark            bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (period, at)
);
COMMENT ON COLUMN count_to_state.at IS 'beginning of the hour, or midnight in Asia/Shanghai of the day';
COMMENT ON COLUMN count_to_state.mark IS 'another number whenever it is marked again: a statement takes away the mark that it has seen';

CREATE FUNCTION mark_hours_to_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO count_to_state AS known (period, at)
    SELECT DISTINCT 'hour', hour FROM changed
    UNION
    SELECT DISTINCT 'day', (date_trunc('day', hour AT TIME ZONE INTERVAL '08:00')) AT TIME ZONE INTERVAL '08:00' FROM changed
    ORDER BY 1, 2
    ON CONFLICT (period, at) DO UPDATE SET mark = DEFAULT;
    RETURN NULL;
END $$;
CREATE TRIGGER resolution_hour_total_to_state_new AFTER INSERT ON resolution_hour_total
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION mark_hours_to_state();
CREATE TRIGGER resolution_hour_total_to_state_again AFTER UPDATE ON resolution_hour_total
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION mark_hours_to_state();

CREATE FUNCTION mark_days_to_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO count_to_state AS known (period, at)
    SELECT DISTINCT 'day', day::timestamp AT TIME ZONE INTERVAL '08:00' FROM changed ORDER BY 2
    ON CONFLICT (period, at) DO UPDATE SET mark = DEFAULT;
    RETURN NULL;
END $$;
CREATE TRIGGER registration_total_to_state_new AFTER INSERT ON registration_total
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION mark_days_to_state();
CREATE TRIGGER registration_total_to_state_again AFTER UPDATE ON registration_total
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION mark_days_to_state();

-- Logs of registrations and resolutions as files, each with a manifest that went upward.
CREATE TABLE log_file (
    file_id         uuid PRIMARY KEY,
    kind            text NOT NULL CONSTRAINT log_file_kind_known CHECK (kind IN ('registration', 'resolution')),
    number          bigint NOT NULL,
    source          text NOT NULL,
    rows            bigint NOT NULL,
    bytes           bigint NOT NULL,
    sha256          bytea NOT NULL CONSTRAINT log_file_digest_length CHECK (octet_length(sha256) = 32),
    content_sha256  bytea NOT NULL CONSTRAINT log_file_content_digest_length CHECK (octet_length(content_sha256) = 32),
    previous_sha256 bytea,
    first_at        timestamptz,
    last_at         timestamptz,
    made_at         timestamptz NOT NULL,
    delivered_at    timestamptz,
    CONSTRAINT log_file_number_once UNIQUE (kind, number),
    CONSTRAINT log_file_source_once UNIQUE (kind, source)
);
COMMENT ON COLUMN log_file.source IS 'what it was made of: "from-to" positions of history, or "boot/number" of a sealed event file';
CREATE INDEX log_file_waiting ON log_file (kind, number) WHERE delivered_at IS NULL;

CREATE TABLE segment_to_log (
    recorder_id     uuid NOT NULL,
    arrival         bigint GENERATED ALWAYS AS IDENTITY,
    boot_id         uuid NOT NULL,
    number          integer NOT NULL,
    PRIMARY KEY (recorder_id, arrival),
    CONSTRAINT segment_to_log_once UNIQUE (boot_id, number)
);
COMMENT ON TABLE segment_to_log IS 'sealed event files of which no log file was made yet, in the order of their sealing';
INSERT INTO segment_to_log (recorder_id, boot_id, number)
SELECT recorder_id, boot_id, number FROM evidence_segment WHERE events > 0 ORDER BY sealed_at, boot_id, number;
CREATE FUNCTION mark_segment_to_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO segment_to_log (recorder_id, boot_id, number) VALUES (NEW.recorder_id, NEW.boot_id, NEW.number);
    RETURN NULL;
END $$;
CREATE TRIGGER evidence_segment_to_log AFTER INSERT ON evidence_segment
    FOR EACH ROW WHEN (NEW.events > 0) EXECUTE FUNCTION mark_segment_to_log();

-- Emergency takeover (应急接管): when the node above answers for us, and exercises of it.
CREATE TABLE takeover (
    takeover_id     uuid PRIMARY KEY,
    drill           boolean NOT NULL,
    began_at        timestamptz NOT NULL,
    ended_at        timestamptz,
    position_began  bigint,
    position_ended  bigint,
    report          jsonb
);
COMMENT ON COLUMN takeover.position_began IS 'position in history up to which the standby records lay above when it began';
CREATE UNIQUE INDEX takeover_active ON takeover ((true)) WHERE ended_at IS NULL AND NOT drill;

-- What the resolver answers of each identifier, and with it the node above during a takeover.
CREATE VIEW answered_identifier AS
SELECT i.prefix_id, p.prefix, i.suffix_key, coalesce(i.suffix, i.suffix_key) AS suffix,
       CASE WHEN i.state = 1 AND p.state = 'enabled' AND e.state NOT IN ('suspended', 'closed', 'rejected') AND NOT EXISTS
                 (SELECT FROM blocked_identifier b WHERE b.prefix = p.prefix AND b.suffix_key = i.suffix_key)
            THEN i.record END AS record,
       CASE WHEN EXISTS (SELECT FROM class_scope c WHERE c.enterprise_id = p.enterprise_id)
                 OR EXISTS (SELECT FROM identifier_scope s WHERE s.prefix_id = p.prefix_id AND s.suffix_key = i.suffix_key)
            THEN hidden_indexes(p.enterprise_id, p.prefix_id, i.suffix_key, i.template_id) END AS hidden
FROM identifier i JOIN prefix p ON p.prefix_id = i.prefix_id JOIN enterprise e ON e.enterprise_id = p.enterprise_id;
COMMENT ON VIEW answered_identifier IS 'record: null where there is no answer any more; hidden: indexes that are not public';

-- Identifiers that are answered otherwise than before without an entry in history: written by triggers, beside what
-- changes the answer, and taken away when the node above has them.
CREATE TABLE standby_due (
    prefix_id       integer NOT NULL,
    suffix_key      text COLLATE "C" NOT NULL,
    transaction_id  xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (prefix_id, suffix_key)
);
COMMENT ON COLUMN standby_due.suffix_key IS 'empty: every identifier of the prefix';
CREATE FUNCTION prefix_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO standby_due (prefix_id, suffix_key) VALUES (NEW.prefix_id, '')
    ON CONFLICT (prefix_id, suffix_key) DO UPDATE SET transaction_id = DEFAULT;
    RETURN NULL;
END $$;
CREATE TRIGGER prefix_due AFTER UPDATE OF state, enterprise_id ON prefix FOR EACH ROW
    WHEN ((OLD.state = 'enabled') <> (NEW.state = 'enabled') OR OLD.enterprise_id <> NEW.enterprise_id)
    EXECUTE FUNCTION prefix_due();
CREATE FUNCTION prefixes_of_enterprise_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO standby_due (prefix_id, suffix_key)
    SELECT prefix_id, '' FROM prefix
    WHERE enterprise_id = coalesce(NEW.enterprise_id, OLD.enterprise_id) AND state = 'enabled' ORDER BY prefix_id
    ON CONFLICT (prefix_id, suffix_key) DO UPDATE SET transaction_id = DEFAULT;
    RETURN NULL;
END $$;
CREATE TRIGGER enterprise_due AFTER UPDATE OF state ON enterprise FOR EACH ROW
    WHEN ((OLD.state IN ('suspended', 'closed', 'rejected')) <> (NEW.state IN ('suspended', 'closed', 'rejected')))
    EXECUTE FUNCTION prefixes_of_enterprise_due();
CREATE TRIGGER class_scope_due AFTER INSERT OR UPDATE OR DELETE ON class_scope FOR EACH ROW
    EXECUTE FUNCTION prefixes_of_enterprise_due();
CREATE FUNCTION scoped_identifier_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO standby_due (prefix_id, suffix_key)
    VALUES (coalesce(NEW.prefix_id, OLD.prefix_id), coalesce(NEW.suffix_key, OLD.suffix_key))
    ON CONFLICT (prefix_id, suffix_key) DO UPDATE SET transaction_id = DEFAULT;
    RETURN NULL;
END $$;
CREATE TRIGGER identifier_scope_due AFTER INSERT OR UPDATE OR DELETE ON identifier_scope FOR EACH ROW
    EXECUTE FUNCTION scoped_identifier_due();
CREATE FUNCTION blocked_identifier_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO standby_due (prefix_id, suffix_key)
    SELECT prefix_id, coalesce(NEW.suffix_key, OLD.suffix_key) FROM prefix
    WHERE prefix = coalesce(NEW.prefix, OLD.prefix) AND state NOT IN ('rejected', 'refused')
    ON CONFLICT (prefix_id, suffix_key) DO UPDATE SET transaction_id = DEFAULT;
    RETURN NULL;
END $$;
CREATE TRIGGER blocked_identifier_due AFTER INSERT OR DELETE ON blocked_identifier FOR EACH ROW
    EXECUTE FUNCTION blocked_identifier_due();

-- Packages for escrow (托管) that this node has made, in a chain.
CREATE TABLE escrow_package (
    package_id      uuid PRIMARY KEY,
    kind            text NOT NULL CONSTRAINT escrow_package_kind_known CHECK (kind IN ('full', 'increment')),
    after_id        uuid REFERENCES escrow_package,
    manifest        jsonb NOT NULL,
    sha256          bytea NOT NULL CONSTRAINT escrow_package_digest_length CHECK (octet_length(sha256) = 32),
    made_at         timestamptz NOT NULL,
    receipt         jsonb
);
COMMENT ON COLUMN escrow_package.sha256 IS 'of the signed manifest';

-- Statistics and masked data (脱敏数据) sent to a city authority, with what came back.
CREATE TABLE authority_upload (
    upload_id       uuid PRIMARY KEY,
    number          bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT authority_upload_number_once UNIQUE,
    profile         text NOT NULL,
    since           date NOT NULL,
    until           date NOT NULL,
    body            bytea NOT NULL,
    sha256          bytea NOT NULL CONSTRAINT authority_upload_digest_length CHECK (octet_length(sha256) = 32),
    made_at         timestamptz NOT NULL,
    attempts        integer NOT NULL DEFAULT 0,
    last_error      text NOT NULL DEFAULT '',
    sent_at         timestamptz,
    status          integer,
    receipt         bytea,
    CONSTRAINT authority_upload_period CHECK (since < until)
);
COMMENT ON COLUMN authority_upload.body IS 'as it is sent, packed with zstd; sha256 is of what it unpacks to';
CREATE UNIQUE INDEX authority_upload_once ON authority_upload (profile, since, until);
CREATE INDEX authority_upload_waiting ON authority_upload (number) WHERE sent_at IS NULL;

-- Downward: the upper side of the same interface -----------------------------------------------------

CREATE TABLE docking_key (
    access_key      text PRIMARY KEY,
    secret_sealed   bytea NOT NULL,
    name            text NOT NULL,
    kind            text NOT NULL CONSTRAINT docking_key_kind_known CHECK (kind IN ('secondary', 'enterprise')),
    delegated_prefix text COLLATE "C" NOT NULL,
    certificate_sha256 bytea CONSTRAINT docking_key_certificate_length CHECK (octet_length(certificate_sha256) = 32),
    issued_at       timestamptz NOT NULL,
    used_at         timestamptz,
    expires_at      timestamptz,
    revoked_at      timestamptz,
    replaces        text CONSTRAINT docking_key_succeeds REFERENCES docking_key
);
COMMENT ON COLUMN docking_key.used_at IS 'its first use; from then on the key that it replaces expires';
COMMENT ON COLUMN docking_key.secret_sealed IS 'sealed for the context docking_key:<access_key>';
COMMENT ON COLUMN docking_key.certificate_sha256 IS 'of the client certificate that requests with this key must come by; null: any transport';
CREATE INDEX docking_key_by_prefix ON docking_key (delegated_prefix);
CREATE UNIQUE INDEX docking_key_succeeded_once ON docking_key (replaces) WHERE revoked_at IS NULL;

CREATE TABLE docking_nonce (
    access_key      text NOT NULL,
    nonce           text NOT NULL,
    seen_at         timestamptz NOT NULL,
    PRIMARY KEY (access_key, nonce)
);
CREATE INDEX docking_nonce_by_time ON docking_nonce (seen_at);

CREATE TABLE docking_application (
    application_id  uuid PRIMARY KEY,
    secret_sealed   bytea NOT NULL,
    kind            text NOT NULL CONSTRAINT docking_application_kind_known CHECK (kind IN ('secondary', 'enterprise')),
    name            text NOT NULL,
    prefix          text COLLATE "C" NOT NULL,
    credit_code     text NOT NULL,
    body            jsonb NOT NULL,
    state           text NOT NULL DEFAULT 'pending'
                    CONSTRAINT docking_application_state_known CHECK (state IN ('pending', 'approved', 'rejected')),
    reason          text NOT NULL DEFAULT '',
    access_key      text REFERENCES docking_key,
    received_at     timestamptz NOT NULL,
    decided_at      timestamptz
);
CREATE INDEX docking_application_pending ON docking_application (received_at) WHERE state = 'pending';

CREATE TABLE docked_node (
    node_id         uuid PRIMARY KEY,
    delegated_prefix text COLLATE "C" NOT NULL,
    laboratory      boolean NOT NULL,
    first_seen_at   timestamptz NOT NULL,
    last_seen_at    timestamptz NOT NULL,
    heartbeat       jsonb,
    heartbeat_at    timestamptz
);
COMMENT ON TABLE docked_node IS 'nodes below that spoke; keys change, the delegated prefix says whose they are';
COMMENT ON COLUMN docked_node.laboratory IS 'once 实验数据, always 实验数据';
CREATE INDEX docked_node_by_prefix ON docked_node (delegated_prefix);

CREATE TABLE docked_stream (
    node_id         uuid NOT NULL REFERENCES docked_node,
    stream          text NOT NULL,
    last_sequence   bigint NOT NULL,
    messages        bigint NOT NULL,
    disordered      bigint NOT NULL,
    PRIMARY KEY (node_id, stream)
);
COMMENT ON COLUMN docked_stream.disordered IS 'messages that arrived after one of a later sequence: should stay 0';

CREATE TABLE docked_message (
    arrival         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node_id         uuid NOT NULL,
    message_id      uuid NOT NULL,
    stream          text NOT NULL,
    sequence        bigint NOT NULL,
    kind            text NOT NULL,
    laboratory      boolean NOT NULL,
    created_at      timestamptz NOT NULL,
    received_at     timestamptz NOT NULL,
    body            text NOT NULL,
    CONSTRAINT docked_message_once UNIQUE (node_id, message_id)
);
COMMENT ON COLUMN docked_message.body IS 'JSON as it came';
CREATE INDEX docked_message_by_node ON docked_message (node_id, arrival);

CREATE TABLE docked_enterprise (
    node_id         uuid NOT NULL,
    enterprise_id   uuid NOT NULL,
    credit_code     text NOT NULL,
    other_certificate text NOT NULL,
    name            text NOT NULL,
    division_code   text NOT NULL,
    industry_code   text NOT NULL,
    state           text NOT NULL,
    report          jsonb NOT NULL,
    reported_at     timestamptz NOT NULL,
    PRIMARY KEY (node_id, enterprise_id)
);

-- One row per prefix that passed, with its holder; what was refused has no row and stays free.
CREATE TABLE docked_prefix (
    prefix          text COLLATE "C" PRIMARY KEY,
    delegated_prefix text COLLATE "C" NOT NULL,
    node_id         uuid NOT NULL,
    enterprise_id   uuid NOT NULL,
    credit_code     text NOT NULL,
    other_certificate text NOT NULL,
    state           text NOT NULL,
    hosting         text NOT NULL DEFAULT 'hosted',
    sites           jsonb NOT NULL DEFAULT '[]',
    changed_at      timestamptz NOT NULL
);
COMMENT ON COLUMN docked_prefix.sites IS 'where its enterprise answers for it itself; none: its node does';
CREATE INDEX docked_prefix_by_delegated ON docked_prefix (delegated_prefix, prefix);

-- Where a node itself answers.
CREATE TABLE docked_route (
    delegated_prefix text COLLATE "C" PRIMARY KEY,
    node_id         uuid NOT NULL,
    serial          integer NOT NULL,
    sites           jsonb NOT NULL,
    public_key      bytea,
    reported_at     timestamptz NOT NULL
);

CREATE TABLE docked_template (
    node_id         uuid NOT NULL,
    template_id     bigint NOT NULL,
    name            text NOT NULL,
    template_version integer NOT NULL,
    state           text NOT NULL,
    report          jsonb NOT NULL,
    reported_at     timestamptz NOT NULL,
    PRIMARY KEY (node_id, template_id)
);

CREATE TABLE docked_verification (
    verification_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node_id         uuid NOT NULL,
    delegated_prefix text COLLATE "C" NOT NULL,
    application     bigint NOT NULL DEFAULT 0,
    prefix          text COLLATE "C" NOT NULL,
    enterprise_id   uuid NOT NULL,
    credit_code     text NOT NULL,
    other_certificate text NOT NULL,
    asked_at        timestamptz NOT NULL,
    decided_at      timestamptz
);
COMMENT ON COLUMN docked_verification.application IS 'the number by which the node below knows this application, 0 from nodes that name none';
CREATE INDEX docked_verification_undecided ON docked_verification (verification_id) WHERE decided_at IS NULL;

CREATE TABLE docked_verdict (
    sequence        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delegated_prefix text COLLATE "C" NOT NULL,
    application     bigint NOT NULL DEFAULT 0,
    prefix          text COLLATE "C" NOT NULL,
    passed          boolean NOT NULL,
    reason          text NOT NULL,
    at              timestamptz NOT NULL
);
COMMENT ON TABLE docked_verdict IS 'written by one hand at a time, so that sequence is also the order of commits';
CREATE INDEX docked_verdict_by_prefix ON docked_verdict (delegated_prefix, sequence);

CREATE TABLE docked_registration (
    node_id         uuid NOT NULL,
    prefix          text COLLATE "C" NOT NULL,
    registered      bigint NOT NULL,
    updated         bigint NOT NULL,
    deleted         bigint NOT NULL,
    suspended       bigint NOT NULL,
    resumed         bigint NOT NULL,
    PRIMARY KEY (node_id, prefix)
);
COMMENT ON TABLE docked_registration IS 'added up from the summaries, each counted once';

CREATE TABLE docked_count (
    node_id         uuid NOT NULL,
    period          text NOT NULL CONSTRAINT docked_count_period_known CHECK (period IN ('minute', 'hour', 'day')),
    at              timestamptz NOT NULL,
    laboratory      boolean NOT NULL,
    stated_at       timestamptz NOT NULL,
    registered      bigint NOT NULL,
    updated         bigint NOT NULL,
    deleted         bigint NOT NULL,
    suspended       bigint NOT NULL,
    resumed         bigint NOT NULL,
    resolutions     jsonb NOT NULL,
    PRIMARY KEY (node_id, period, at)
);
COMMENT ON COLUMN docked_count.at IS 'beginning of the minute or hour, or midnight in Asia/Shanghai of the day';
CREATE INDEX docked_count_by_time ON docked_count (period, at, node_id);

-- Days and hours of nodes below of which the node above does not know the newest statement.
CREATE TABLE docked_count_to_state (
    node_id         uuid NOT NULL,
    period          text NOT NULL CONSTRAINT docked_count_to_state_period_known CHECK (period IN ('hour', 'day')),
    at              timestamptz NOT NULL,
    mark            bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT docked_count_to_state_mark_once UNIQUE,
    PRIMARY KEY (node_id, period, at)
);

-- Blocked identifiers of which the node that answers for them was told.
CREATE TABLE docked_block (
    delegated_prefix text COLLATE "C" NOT NULL,
    prefix          text COLLATE "C" NOT NULL,
    suffix_key      text COLLATE "C" NOT NULL,
    suffix          text COLLATE "C" NOT NULL,
    PRIMARY KEY (delegated_prefix, prefix, suffix_key)
);

CREATE TABLE docked_instruction (
    sequence        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    instruction_id  uuid NOT NULL CONSTRAINT docked_instruction_once UNIQUE,
    delegated_prefix text COLLATE "C" NOT NULL,
    kind            text NOT NULL,
    body            jsonb NOT NULL,
    issued_at       timestamptz NOT NULL,
    outcome         text,
    detail          text NOT NULL DEFAULT '',
    result          jsonb,
    answered_at     timestamptz
);
COMMENT ON TABLE docked_instruction IS 'written by one hand at a time, so that sequence is also the order of commits';
CREATE INDEX docked_instruction_by_prefix ON docked_instruction (delegated_prefix, sequence);

CREATE TABLE docked_file (
    node_id         uuid NOT NULL,
    sha256          bytea NOT NULL CONSTRAINT docked_file_digest_length CHECK (octet_length(sha256) = 32),
    kind            text NOT NULL,
    manifest        jsonb NOT NULL,
    laboratory      boolean NOT NULL,
    content         bytea NOT NULL,
    received_at     timestamptz NOT NULL,
    PRIMARY KEY (node_id, sha256)
);
ALTER TABLE docked_file ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX docked_file_chain ON docked_file (node_id, kind, ((manifest->>'number')::bigint));

-- Standby records (接管备用数据): the last known record of every identifier of a node, and how far they go.
CREATE TABLE docked_standby (
    delegated_prefix text COLLATE "C" PRIMARY KEY,
    node_id         uuid NOT NULL,
    position        bigint,
    snapshot_id     uuid,
    snapshot_position bigint,
    snapshot_after  text COLLATE "C",
    records         bigint NOT NULL DEFAULT 0,
    changed_at      timestamptz NOT NULL
);
COMMENT ON COLUMN docked_standby.position IS 'position in the node''s history up to which the records go; null until a first snapshot is whole';
CREATE TABLE docked_standby_record (
    delegated_prefix text COLLATE "C" NOT NULL,
    name_key        text COLLATE "C" NOT NULL,
    name            text COLLATE "C",
    snapshot_id     uuid NOT NULL,
    record          bytea NOT NULL,
    PRIMARY KEY (delegated_prefix, name_key)
);
COMMENT ON COLUMN docked_standby_record.name_key IS 'prefix/suffix in comparison form; name is the registered spelling where it differs';

CREATE TABLE docked_takeover (
    takeover_id     uuid PRIMARY KEY,
    delegated_prefix text COLLATE "C" NOT NULL,
    drill           boolean NOT NULL,
    state           text NOT NULL CONSTRAINT docked_takeover_state_known CHECK (state IN ('active', 'handing_back', 'ended')),
    reason          text NOT NULL,
    began_at        timestamptz NOT NULL,
    ended_at        timestamptz,
    answered        bigint NOT NULL DEFAULT 0,
    report          jsonb
);
CREATE UNIQUE INDEX docked_takeover_active ON docked_takeover (delegated_prefix) WHERE state <> 'ended';

-- Rights -------------------------------------------------------------------------------------------

GRANT SELECT, INSERT, UPDATE ON national_credential, national_application, instruction, log_file, takeover,
    escrow_package, authority_upload TO biaoshi_writer;
GRANT DELETE ON national_credential TO biaoshi_writer;
GRANT SELECT, INSERT, DELETE ON segment_to_log TO biaoshi_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON blocked_identifier, count_to_state, standby_due TO biaoshi_writer;
GRANT SELECT ON answered_identifier TO biaoshi_writer;
GRANT SELECT ON blocked_identifier TO biaoshi_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON docking_key, docking_nonce, docking_application, docked_node, docked_stream,
    docked_message, docked_enterprise, docked_prefix, docked_route, docked_template, docked_verification,
    docked_verdict, docked_registration, docked_count, docked_instruction, docked_file, docked_standby,
    docked_standby_record, docked_takeover TO biaoshi_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON docked_count_to_state, docked_block TO biaoshi_writer;
GRANT SELECT ON docked_prefix, docked_route TO biaoshi_reader;
-- What the node above has is not kept here for ever; what it does not have yet is never removed.
GRANT DELETE ON outbox TO biaoshi_writer;
CREATE FUNCTION keep_what_waits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a message that waits is never removed' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER outbox_waiting_kept BEFORE DELETE ON outbox
    FOR EACH ROW WHEN (OLD.delivered_at IS NULL) EXECUTE FUNCTION keep_what_waits();
ALTER TABLE national_state ADD COLUMN last_instruction bigint NOT NULL DEFAULT 0,
    ADD COLUMN last_error text NOT NULL DEFAULT '', ADD COLUMN failing_since timestamptz,
    ADD COLUMN offers jsonb, ADD COLUMN standby_position bigint, ADD COLUMN standby_sent bigint NOT NULL DEFAULT 0, ADD COLUMN standby_at timestamptz;
COMMENT ON COLUMN national_state.standby_sent IS
    'furthest position that was ever sent: where the node above is further, this database was restored from before';
COMMENT ON COLUMN national_state.standby_position IS 'how far the standby records above go, by its own word';
ALTER TABLE outbox ADD COLUMN refused boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN outbox.refused IS 'the node above will never take it: it no longer waits, and last_error says why, for ever';
CREATE INDEX outbox_delivered ON outbox (delivered_at) WHERE delivered_at IS NOT NULL AND NOT refused;
CREATE INDEX outbox_refused ON outbox (outbox_id) WHERE refused;
ALTER TABLE national_state ADD COLUMN reported_route jsonb;
COMMENT ON COLUMN national_state.reported_route IS 'where the node above was last told that this node answers';
