-- Counting that stands up: sums by hour and day, what the evidence of a day says, gaps, rules, closed days, and
-- registrations counted in the transaction that makes them.

-- Resolutions ---------------------------------------------------------------------------------------

COMMENT ON TABLE resolution_count IS
    'totals so far of a minute, as one start of a process (boot_id) counted them: writing them again changes nothing';

CREATE TABLE resolution_hour (
    hour            timestamptz NOT NULL,
    prefix          text COLLATE "C" NOT NULL,
    interface       smallint NOT NULL,
    outcome         smallint NOT NULL,
    resolutions     bigint NOT NULL,
    PRIMARY KEY (hour, prefix, interface, outcome)
);
CREATE TABLE resolution_day (
    day             date NOT NULL,
    prefix          text COLLATE "C" NOT NULL,
    interface       smallint NOT NULL,
    outcome         smallint NOT NULL,
    resolutions     bigint NOT NULL,
    PRIMARY KEY (day, prefix, interface, outcome)
);
COMMENT ON COLUMN resolution_day.day IS 'of Asia/Shanghai, as every day here';
CREATE INDEX resolution_day_by_prefix ON resolution_day (prefix, day);

CREATE TABLE hour_to_sum (
    hour            timestamptz PRIMARY KEY
);
COMMENT ON TABLE hour_to_sum IS 'hours whose minutes were written since they were summed, however late';

CREATE TABLE resolution_digest (
    recorder_id     uuid NOT NULL,
    day             date NOT NULL,
    prefix          text COLLATE "C" NOT NULL,
    rule_version    integer NOT NULL,
    events          bigint NOT NULL,
    content         jsonb NOT NULL,
    clients         bytea NOT NULL,
    identifiers     bytea NOT NULL,
    made_at         timestamptz NOT NULL,
    PRIMARY KEY (recorder_id, day, prefix)
);
COMMENT ON TABLE resolution_digest IS
    'what the event files of one recorder say about a day: of one prefix, or of all (empty prefix)';
COMMENT ON COLUMN resolution_digest.clients IS 'HyperLogLog registers';
CREATE INDEX resolution_digest_by_day ON resolution_digest (day, prefix);

CREATE TABLE counting_gap (
    gap_id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recorder_id     uuid NOT NULL,
    boot_id         uuid NOT NULL,
    cause           text NOT NULL CONSTRAINT counting_gap_cause_known
                    CHECK (cause IN ('killed', 'machine', 'no_evidence', 'damaged')),
    began_at        timestamptz NOT NULL,
    ended_at        timestamptz NOT NULL,
    noted_at        timestamptz NOT NULL,
    CONSTRAINT counting_gap_once UNIQUE (boot_id, cause, began_at)
);
COMMENT ON TABLE counting_gap IS 'when resolutions may have gone uncounted; nothing is put in their place';
COMMENT ON COLUMN counting_gap.cause IS
    'killed: a process ended unclean; machine: the machine did; no_evidence: counted without event file; damaged: a file';
CREATE INDEX counting_gap_by_time ON counting_gap (began_at);

CREATE TABLE counting_rule (
    rule_version    integer PRIMARY KEY,
    effective_day   date NOT NULL,
    definition      jsonb NOT NULL,
    recorded_at     timestamptz NOT NULL
);
COMMENT ON TABLE counting_rule IS 'by what days are counted, from effective_day on; never for days before it was recorded';

CREATE TABLE evidence_segment (
    boot_id         uuid NOT NULL,
    number          integer NOT NULL,
    recorder_id     uuid NOT NULL,
    day             date NOT NULL,
    sha256          bytea NOT NULL CONSTRAINT evidence_segment_digest_length CHECK (octet_length(sha256) = 32),
    bytes           bigint NOT NULL,
    events          bigint NOT NULL,
    first_at        timestamptz,
    last_at         timestamptz,
    sealed_at       timestamptz NOT NULL,
    PRIMARY KEY (boot_id, number)
);
COMMENT ON COLUMN evidence_segment.sha256 IS 'of the compressed file as it is kept';
CREATE INDEX evidence_segment_by_time ON evidence_segment (first_at);

CREATE TABLE day_closing (
    day             date NOT NULL,
    edition         integer NOT NULL,
    figures         jsonb NOT NULL,
    sha256          bytea NOT NULL CONSTRAINT day_closing_digest_length CHECK (octet_length(sha256) = 32),
    rule_version    integer NOT NULL,
    reason          text NOT NULL,
    closed_at       timestamptz NOT NULL,
    PRIMARY KEY (day, edition)
);
COMMENT ON TABLE day_closing IS 'the figures of a day as they were closed (edition 1), and again whenever late data changed them';
CREATE TABLE day_to_close (
    day             date PRIMARY KEY
);
COMMENT ON TABLE day_to_close IS 'days whose figures changed since they were closed';

CREATE TABLE counting_key (
    month           date PRIMARY KEY,
    key             bytea NOT NULL CONSTRAINT counting_key_length CHECK (octet_length(key) = 32),
    created_at      timestamptz NOT NULL
);
COMMENT ON TABLE counting_key IS
    'what the addresses of clients are hashed with in a month; destroyed later, so that nobody finds them out';

-- Registrations -------------------------------------------------------------------------------------

CREATE TABLE registration_tally (
    tally_id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at                  timestamptz NOT NULL,
    prefix_id           integer NOT NULL,
    template_id         integer NOT NULL,
    registered          integer NOT NULL DEFAULT 0,
    first_registered    integer NOT NULL DEFAULT 0,
    updated             integer NOT NULL DEFAULT 0,
    deleted             integer NOT NULL DEFAULT 0,
    suspended           integer NOT NULL DEFAULT 0,
    resumed             integer NOT NULL DEFAULT 0,
    moved_in            integer NOT NULL DEFAULT 0,
    moved_out           integer NOT NULL DEFAULT 0
);
COMMENT ON TABLE registration_tally IS
    'what one transaction did to identifiers of one template; the steward adds it to registration_day and removes it';
COMMENT ON COLUMN registration_tally.first_registered IS
    'of those registered, the ones that never stood before: deleting and registering again counts once';
COMMENT ON COLUMN registration_tally.moved_in IS 'identifiers that changed to this template';

CREATE TABLE registration_day (
    day                 date NOT NULL,
    prefix_id           integer NOT NULL,
    template_id         integer NOT NULL,
    registered          bigint NOT NULL,
    first_registered    bigint NOT NULL,
    updated             bigint NOT NULL,
    deleted             bigint NOT NULL,
    suspended           bigint NOT NULL,
    resumed             bigint NOT NULL,
    moved_in            bigint NOT NULL,
    moved_out           bigint NOT NULL,
    PRIMARY KEY (day, prefix_id, template_id)
);
CREATE INDEX registration_day_by_prefix ON registration_day (prefix_id, day);

-- The days of Asia/Shanghai with what is summed already and what is not yet.
CREATE VIEW registration_by_day AS
SELECT day, prefix_id, template_id, sum(registered)::bigint AS registered,
       sum(first_registered)::bigint AS first_registered, sum(updated)::bigint AS updated,
       sum(deleted)::bigint AS deleted, sum(suspended)::bigint AS suspended, sum(resumed)::bigint AS resumed,
       sum(moved_in)::bigint AS moved_in, sum(moved_out)::bigint AS moved_out
FROM (
    SELECT * FROM registration_day
    UNION ALL
    SELECT (at AT TIME ZONE INTERVAL '08:00')::date, prefix_id, template_id, registered, first_registered, updated,
           deleted, suspended, resumed, moved_in, moved_out
    FROM registration_tally
) AS counted
GROUP BY day, prefix_id, template_id;

-- What was registered before there were tallies. Everything goes under the template that an identifier has now.
INSERT INTO registration_day
SELECT (h.at AT TIME ZONE INTERVAL '08:00')::date, h.prefix_id, i.template_id,
       count(*) FILTER (WHERE h.action = 1), count(*) FILTER (WHERE h.action = 1 AND h.version = 1),
       count(*) FILTER (WHERE h.action IN (2, 6)), count(*) FILTER (WHERE h.action = 3),
       count(*) FILTER (WHERE h.action = 4), count(*) FILTER (WHERE h.action = 5), 0, 0
FROM identifier_history h
JOIN identifier i ON i.prefix_id = h.prefix_id AND i.suffix_key = h.suffix_key
GROUP BY 1, 2, 3;

-- Rights and what may not be rewritten --------------------------------------------------------------

CREATE TRIGGER counting_gap_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON counting_gap
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER counting_rule_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON counting_rule
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER evidence_segment_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON evidence_segment
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER day_closing_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON day_closing
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();

GRANT SELECT, INSERT ON counting_gap, counting_rule, evidence_segment, day_closing TO biaoshi_writer;
GRANT SELECT, INSERT, UPDATE ON resolution_hour, resolution_day, resolution_digest, registration_day TO biaoshi_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON hour_to_sum, day_to_close TO biaoshi_writer;
GRANT SELECT, INSERT, DELETE ON registration_tally, counting_key TO biaoshi_writer;
GRANT DELETE ON resolution_count TO biaoshi_writer;
GRANT SELECT ON registration_by_day TO biaoshi_writer;
GRANT SELECT ON SEQUENCE registration_tally_tally_id_seq TO biaoshi_writer;
