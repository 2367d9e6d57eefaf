-- The console and reports: how people sign in, and reports that are kept.

-- Signing in -----------------------------------------------------------------------------------------

ALTER TABLE account ADD COLUMN password_set_at timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN account.password_set_at IS
    'when the life of the password began: as it was set, or with this schema for those set before';

CREATE TABLE past_password (
    account_id      uuid NOT NULL REFERENCES account,
    replaced_at     timestamptz NOT NULL,
    password_hash   text NOT NULL,
    password_form   text NOT NULL CONSTRAINT past_password_form_known CHECK (password_form IN ('plain', 'sha256')),
    PRIMARY KEY (account_id, replaced_at)
);
COMMENT ON TABLE past_password IS 'the last passwords of an account, which must not come again soon';

CREATE TABLE second_factor (
    account_id      uuid PRIMARY KEY REFERENCES account,
    secret          bytea NOT NULL,
    begun_at        timestamptz NOT NULL,
    confirmed_at    timestamptz,
    last_step       bigint NOT NULL DEFAULT 0
);
COMMENT ON COLUMN second_factor.secret IS 'sealed for second_factor:<account_id>';
COMMENT ON COLUMN second_factor.confirmed_at IS 'null: begun, and not asked for at sign-in yet';
COMMENT ON COLUMN second_factor.last_step IS 'the newest step of 30 seconds since 1970 whose code was used: none is used twice';

CREATE TABLE recovery_code (
    account_id      uuid NOT NULL REFERENCES second_factor ON DELETE CASCADE,
    code_digest     bytea NOT NULL CONSTRAINT recovery_code_digest_length CHECK (octet_length(code_digest) = 32),
    PRIMARY KEY (account_id, code_digest)
);
COMMENT ON TABLE recovery_code IS 'keyed digests of codes that stand in for a lost second factor; a used one is gone';

CREATE TABLE console_session (
    token_id        uuid PRIMARY KEY REFERENCES token ON DELETE CASCADE,
    source          text NOT NULL,
    user_agent      text NOT NULL CONSTRAINT console_session_agent_length CHECK (char_length(user_agent) <= 200),
    last_seen       timestamptz NOT NULL
);
COMMENT ON TABLE console_session IS 'tokens that are sessions of the console: where they were opened, when last used';

CREATE TABLE half_open_sign_in (
    secret_digest   bytea PRIMARY KEY CONSTRAINT half_open_digest_length CHECK (octet_length(secret_digest) = 32),
    account_id      uuid NOT NULL REFERENCES account,
    password_set_at timestamptz NOT NULL,
    code_given      boolean NOT NULL,
    expires_at      timestamptz NOT NULL
);
CREATE INDEX half_open_by_end ON half_open_sign_in (expires_at);
COMMENT ON TABLE half_open_sign_in IS 'who has proved a password at the console and has to do more, known to every worker';
COMMENT ON COLUMN half_open_sign_in.password_set_at IS 'of the password that was proved';

CREATE INDEX token_by_end ON token (expires_at);
GRANT SELECT, INSERT, DELETE ON past_password, recovery_code TO biaoshi_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON second_factor, console_session, half_open_sign_in TO biaoshi_writer;
GRANT DELETE ON token TO biaoshi_writer;

-- Reports --------------------------------------------------------------------------------------------

CREATE TABLE report (
    report_id       uuid PRIMARY KEY,
    number          bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT report_number_once UNIQUE,
    kind            text NOT NULL CONSTRAINT report_kind_known
                    CHECK (kind IN ('acceptance', 'operation', 'masked', 'statement')),
    profile         text NOT NULL,
    enterprise_id   uuid REFERENCES enterprise,
    since           date NOT NULL,
    until           date NOT NULL,
    edition         integer NOT NULL,
    body            bytea NOT NULL,
    sha256          bytea NOT NULL CONSTRAINT report_digest_length CHECK (octet_length(sha256) = 32),
    made_at         timestamptz NOT NULL,
    made_by         uuid,
    CONSTRAINT report_window CHECK (since < until),
    CONSTRAINT report_of_enterprise CHECK ((kind = 'statement') = (enterprise_id IS NOT NULL)),
    CONSTRAINT report_edition_once UNIQUE NULLS NOT DISTINCT (kind, profile, enterprise_id, since, until, edition)
);
COMMENT ON COLUMN report.body IS 'its data as canonical JSON, packed with zstd; sha256 is of what it unpacks to';
COMMENT ON COLUMN report.until IS 'the day after the last';
COMMENT ON COLUMN report.made_by IS 'null: the node itself, by a schedule or from the command line';
CREATE INDEX report_by_enterprise ON report (enterprise_id, number);
CREATE TRIGGER report_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON report
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();

CREATE TABLE report_schedule (
    kind            text PRIMARY KEY CONSTRAINT report_schedule_kind_known
                    CHECK (kind IN ('acceptance', 'operation', 'masked', 'statement')),
    profile         text NOT NULL,
    enabled         boolean NOT NULL,
    every           text NOT NULL CONSTRAINT report_schedule_every_known CHECK (every IN ('day', 'week', 'month')),
    day             smallint NOT NULL CONSTRAINT report_schedule_day_known CHECK (day BETWEEN 1 AND 28),
    hour            smallint NOT NULL CONSTRAINT report_schedule_hour_known CHECK (hour BETWEEN 1 AND 23),
    made_until      date,
    version         integer NOT NULL DEFAULT 1,
    updated_at      timestamptz NOT NULL
);
COMMENT ON COLUMN report_schedule.day IS 'of the month, or of the week from Monday as 1; every day: 1';
COMMENT ON COLUMN report_schedule.hour IS 'of China; days are closed at ten past midnight, so none is reported on before one';
COMMENT ON COLUMN report_schedule.made_until IS 'the end of the newest period that it made; null: none yet';
GRANT SELECT, INSERT ON report TO biaoshi_writer;
GRANT SELECT, INSERT, UPDATE ON report_schedule TO biaoshi_writer;

-- Counting again on demand ---------------------------------------------------------------------------

CREATE TABLE recount (
    recount_id      uuid PRIMARY KEY,
    since           date NOT NULL,
    until           date NOT NULL,
    correct         boolean NOT NULL,
    asked_by        uuid NOT NULL,
    asked_at        timestamptz NOT NULL,
    state           text NOT NULL DEFAULT 'waiting' CONSTRAINT recount_state_known
                    CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    days_done       integer NOT NULL DEFAULT 0,
    touched_at      timestamptz,
    ended_at        timestamptz,
    result          jsonb,
    failure         text NOT NULL DEFAULT '',
    CONSTRAINT recount_window CHECK (since <= until)
);
COMMENT ON TABLE recount IS 'days to be counted again from the evidence, one after the other by the steward, and what came out';
COMMENT ON COLUMN recount.until IS 'the last day';
COMMENT ON COLUMN recount.touched_at IS 'when whoever counts gave a sign of life: a running one without is taken up again';
CREATE INDEX recount_waiting ON recount (recount_id) WHERE state IN ('waiting', 'running');
GRANT SELECT, INSERT, UPDATE ON recount TO biaoshi_writer;
