-- What the mock national node keeps. In a schema of its own, so that a database given by mistake is not harmed.
CREATE SCHEMA IF NOT EXISTS mock_national;
SET search_path = mock_national;

CREATE TABLE IF NOT EXISTS key_pair (
    access_key          text PRIMARY KEY,
    secret_key          text NOT NULL,
    delegated_prefix    text NOT NULL,
    issued_at           timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS nonce (
    access_key          text NOT NULL,
    nonce               text NOT NULL,
    seen_at             timestamptz NOT NULL,
    PRIMARY KEY (access_key, nonce)
);
CREATE INDEX IF NOT EXISTS nonce_by_time ON nonce (seen_at);

-- Every request as it came and as it was answered.
CREATE TABLE IF NOT EXISTS request (
    request_id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at         timestamptz NOT NULL,
    source              text NOT NULL,
    head                bytea NOT NULL,
    body                bytea NOT NULL,
    signature           text NOT NULL,
    status              integer NOT NULL,
    answer              bytea NOT NULL
);
COMMENT ON COLUMN request.signature IS 'valid, or the code of what was wrong with it';

CREATE TABLE IF NOT EXISTS node (
    node_id             uuid PRIMARY KEY,
    access_key          text NOT NULL REFERENCES key_pair,
    laboratory          boolean NOT NULL,
    first_seen_at       timestamptz NOT NULL,
    last_seen_at        timestamptz NOT NULL,
    heartbeat           jsonb,
    heartbeat_at        timestamptz
);
COMMENT ON COLUMN node.laboratory IS 'once 实验数据, always 实验数据';

CREATE TABLE IF NOT EXISTS stream (
    node_id             uuid NOT NULL REFERENCES node,
    stream              text NOT NULL,
    last_sequence       bigint NOT NULL,
    messages            bigint NOT NULL,
    disordered          bigint NOT NULL,
    PRIMARY KEY (node_id, stream)
);
COMMENT ON COLUMN stream.disordered IS 'messages that arrived after one of a later sequence: should stay 0';

CREATE TABLE IF NOT EXISTS message (
    arrival             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node_id             uuid NOT NULL,
    message_id          uuid NOT NULL,
    stream              text NOT NULL,
    sequence            bigint NOT NULL,
    kind                text NOT NULL,
    laboratory          boolean NOT NULL,
    created_at          timestamptz NOT NULL,
    received_at         timestamptz NOT NULL,
    body                text NOT NULL,
    CONSTRAINT message_once UNIQUE (node_id, message_id)
);
COMMENT ON COLUMN message.body IS 'JSON as it came';

CREATE TABLE IF NOT EXISTS enterprise (
    node_id             uuid NOT NULL,
    enterprise_id       uuid NOT NULL,
    credit_code         text NOT NULL,
    name                text NOT NULL,
    division_code       text NOT NULL,
    industry_code       text NOT NULL,
    state               text NOT NULL,
    reported_at         timestamptz NOT NULL,
    PRIMARY KEY (node_id, enterprise_id)
);

-- One row per prefix that passed, with its holder; what was refused has no row and stays free.
CREATE TABLE IF NOT EXISTS prefix (
    prefix              text PRIMARY KEY,
    access_key          text NOT NULL,
    node_id             uuid NOT NULL,
    enterprise_id       uuid NOT NULL,
    credit_code         text NOT NULL,
    state               text NOT NULL,
    changed_at          timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS verification (
    verification_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node_id             uuid NOT NULL,
    access_key          text NOT NULL,
    prefix              text NOT NULL,
    enterprise_id       uuid NOT NULL,
    credit_code         text NOT NULL,
    asked_at            timestamptz NOT NULL,
    decided_at          timestamptz
);
CREATE INDEX IF NOT EXISTS verification_undecided ON verification (verification_id) WHERE decided_at IS NULL;

-- A number of a certificate that is no credit code; tables that stand already gain it.
ALTER TABLE enterprise ADD COLUMN IF NOT EXISTS other_certificate text NOT NULL DEFAULT '';
ALTER TABLE prefix ADD COLUMN IF NOT EXISTS other_certificate text NOT NULL DEFAULT '';
ALTER TABLE verification ADD COLUMN IF NOT EXISTS other_certificate text NOT NULL DEFAULT '';

CREATE TABLE IF NOT EXISTS verdict (
    sequence            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    access_key          text NOT NULL,
    prefix              text NOT NULL,
    passed              boolean NOT NULL,
    reason              text NOT NULL,
    at                  timestamptz NOT NULL
);
COMMENT ON TABLE verdict IS 'written by one hand at a time, so that sequence is also the order of commits';

CREATE TABLE IF NOT EXISTS registration (
    node_id             uuid NOT NULL,
    prefix              text NOT NULL,
    registered          bigint NOT NULL,
    updated             bigint NOT NULL,
    deleted             bigint NOT NULL,
    PRIMARY KEY (node_id, prefix)
);
COMMENT ON TABLE registration IS 'added up from the summaries, each counted once';
ALTER TABLE registration ADD COLUMN IF NOT EXISTS suspended bigint NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS resumed bigint NOT NULL DEFAULT 0;

CREATE TABLE IF NOT EXISTS daily_count (
    node_id             uuid NOT NULL,
    day                 date NOT NULL,
    laboratory          boolean NOT NULL,
    at                  timestamptz NOT NULL,
    registered          bigint NOT NULL,
    updated             bigint NOT NULL,
    deleted             bigint NOT NULL,
    resolutions         jsonb NOT NULL,
    PRIMARY KEY (node_id, day)
);
ALTER TABLE daily_count ADD COLUMN IF NOT EXISTS suspended bigint NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS resumed bigint NOT NULL DEFAULT 0;
