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

CREATE INDEX resolution_hour_by_prefix ON resolution_hour (prefix, hour);

-- What is asked of a year: the whole node by hour and day, a prefix by month. Kept by triggers: whatever changes an
-- hour or a day, however late, changes these in the same transaction. Who sums up, one at a time, writes hours and days.
CREATE TABLE resolution_hour_total (
    hour            timestamptz NOT NULL,
    interface       smallint NOT NULL,
    outcome         smallint NOT NULL,
    resolutions     bigint NOT NULL,
    PRIMARY KEY (hour, interface, outcome)
);
CREATE TABLE resolution_total (
    day             date NOT NULL,
    interface       smallint NOT NULL,
    outcome         smallint NOT NULL,
    resolutions     bigint NOT NULL,
    PRIMARY KEY (day, interface, outcome)
);
CREATE TABLE resolution_month (
    month           date NOT NULL,
    prefix          text COLLATE "C" NOT NULL,
    interface       smallint NOT NULL,
    outcome         smallint NOT NULL,
    resolutions     bigint NOT NULL,
    PRIMARY KEY (month, prefix, interface, outcome)
);
COMMENT ON COLUMN resolution_month.month IS 'its first day';
CREATE INDEX resolution_month_by_prefix ON resolution_month (prefix, month);

CREATE FUNCTION add_up_hours() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO resolution_hour_total AS known (hour, interface, outcome, resolutions)
        SELECT hour, interface, outcome, sum(resolutions)::bigint FROM added GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        ON CONFLICT (hour, interface, outcome) DO UPDATE SET resolutions = known.resolutions + excluded.resolutions;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        UPDATE resolution_hour_total AS known SET resolutions = known.resolutions - gone.resolutions
        FROM (SELECT hour, interface, outcome, sum(resolutions)::bigint AS resolutions FROM removed
              GROUP BY 1, 2, 3) AS gone
        WHERE (known.hour, known.interface, known.outcome) = (gone.hour, gone.interface, gone.outcome);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER resolution_hour_added AFTER INSERT ON resolution_hour
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION add_up_hours();
CREATE TRIGGER resolution_hour_changed AFTER UPDATE ON resolution_hour
    REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION add_up_hours();
CREATE TRIGGER resolution_hour_removed AFTER DELETE ON resolution_hour
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION add_up_hours();

CREATE FUNCTION add_up_resolutions(
    days date[], prefixes text[], interfaces smallint[], outcomes smallint[], numbers bigint[]
) RETURNS void LANGUAGE sql AS $$
    INSERT INTO resolution_total AS known (day, interface, outcome, resolutions)
    SELECT day, interface, outcome, sum(number)::bigint
    FROM unnest(days, interfaces, outcomes, numbers) AS changed (day, interface, outcome, number)
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (day, interface, outcome) DO UPDATE SET resolutions = known.resolutions + excluded.resolutions;

    INSERT INTO resolution_month AS known (month, prefix, interface, outcome, resolutions)
    SELECT date_trunc('month', day::timestamp)::date, prefix COLLATE "C", interface, outcome, sum(number)::bigint
    FROM unnest(days, prefixes, interfaces, outcomes, numbers) AS changed (day, prefix, interface, outcome, number)
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    ON CONFLICT (month, prefix, interface, outcome) DO UPDATE SET resolutions = known.resolutions + excluded.resolutions
$$;
CREATE FUNCTION add_up_days() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM add_up_resolutions(array_agg(day), array_agg(prefix), array_agg(interface), array_agg(outcome),
                                   array_agg(resolutions)) FROM added;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM add_up_resolutions(array_agg(day), array_agg(prefix), array_agg(interface), array_agg(outcome),
                                   array_agg(-resolutions)) FROM removed;
    ELSE
        PERFORM add_up_resolutions(array_agg(day), array_agg(prefix), array_agg(interface), array_agg(outcome),
                                   array_agg(resolutions))
        FROM (SELECT day, prefix, interface, outcome, resolutions FROM added
              UNION ALL SELECT day, prefix, interface, outcome, -resolutions FROM removed) AS changed;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER resolution_day_added AFTER INSERT ON resolution_day
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION add_up_days();
CREATE TRIGGER resolution_day_changed AFTER UPDATE ON resolution_day
    REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION add_up_days();
CREATE TRIGGER resolution_day_removed AFTER DELETE ON resolution_day
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION add_up_days();

-- What was counted until now.
INSERT INTO resolution_hour
SELECT date_bin('1 hour', minute, timestamptz 'epoch'), prefix, interface, outcome, sum(resolutions)
FROM resolution_count GROUP BY 1, 2, 3, 4;
INSERT INTO resolution_day
SELECT (hour AT TIME ZONE INTERVAL '08:00')::date, prefix, interface, outcome, sum(resolutions)
FROM resolution_hour GROUP BY 1, 2, 3, 4;

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
    valid           bigint GENERATED ALWAYS AS ((content->>'valid')::bigint) STORED,
    deduplicated    bigint GENERATED ALWAYS AS ((content->>'deduplicated')::bigint) STORED,
    flagged         bigint GENERATED ALWAYS AS ((content->>'flagged')::bigint) STORED,
    PRIMARY KEY (recorder_id, day, prefix)
);
COMMENT ON TABLE resolution_digest IS
    'what the event files of one recorder say about a day: of one prefix, or of all (empty prefix)';
COMMENT ON COLUMN resolution_digest.clients IS 'HyperLogLog registers';
COMMENT ON COLUMN resolution_digest.valid IS 'of content, as are the two after it: a year of them is read from the index';
CREATE INDEX resolution_digest_by_day ON resolution_digest (day, prefix) INCLUDE (valid, deduplicated, flagged);
CREATE INDEX resolution_digest_by_prefix ON resolution_digest (prefix, day) INCLUDE (valid, deduplicated, flagged);

CREATE TABLE digest_month (
    month           date NOT NULL,
    prefix          text COLLATE "C" NOT NULL,
    examined        bigint NOT NULL,
    deduplicated    bigint NOT NULL,
    flagged         bigint NOT NULL,
    PRIMARY KEY (month, prefix)
);
COMMENT ON TABLE digest_month IS 'the digests of all days and recorders added up; kept by triggers, as resolution_month is';
CREATE FUNCTION add_up_digests(days date[], prefixes text[], valids bigint[], singles bigint[], flags bigint[])
RETURNS void LANGUAGE sql AS $$
    INSERT INTO digest_month AS known (month, prefix, examined, deduplicated, flagged)
    SELECT date_trunc('month', day::timestamp)::date, prefix COLLATE "C", sum(valid)::bigint, sum(single)::bigint,
           sum(flag)::bigint
    FROM unnest(days, prefixes, valids, singles, flags) AS changed (day, prefix, valid, single, flag)
    GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (month, prefix) DO UPDATE
    SET examined = known.examined + excluded.examined, deduplicated = known.deduplicated + excluded.deduplicated,
        flagged = known.flagged + excluded.flagged
$$;
CREATE FUNCTION add_up_digested_days() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM add_up_digests(array_agg(day), array_agg(prefix), array_agg(valid), array_agg(deduplicated),
                               array_agg(flagged)) FROM added;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM add_up_digests(array_agg(day), array_agg(prefix), array_agg(-valid), array_agg(-deduplicated),
                               array_agg(-flagged)) FROM removed;
    ELSE
        PERFORM add_up_digests(array_agg(day), array_agg(prefix), array_agg(valid), array_agg(deduplicated),
                               array_agg(flagged))
        FROM (SELECT day, prefix, valid, deduplicated, flagged FROM added
              UNION ALL SELECT day, prefix, -valid, -deduplicated, -flagged FROM removed) AS changed;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER resolution_digest_added AFTER INSERT ON resolution_digest
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION add_up_digested_days();
CREATE TRIGGER resolution_digest_changed AFTER UPDATE ON resolution_digest
    REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION add_up_digested_days();
CREATE TRIGGER resolution_digest_removed AFTER DELETE ON resolution_digest
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION add_up_digested_days();

CREATE TABLE counting_gap (
    gap_id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recorder_id     uuid NOT NULL,
    boot_id         uuid NOT NULL,
    cause           text NOT NULL CONSTRAINT counting_gap_cause_known
                    CHECK (cause IN ('killed', 'machine', 'no_evidence', 'damaged', 'late')),
    began_at        timestamptz NOT NULL,
    ended_at        timestamptz NOT NULL,
    noted_at        timestamptz NOT NULL,
    CONSTRAINT counting_gap_once UNIQUE (boot_id, cause, began_at)
);
COMMENT ON TABLE counting_gap IS 'when resolutions may have gone uncounted; nothing is put in their place';
COMMENT ON COLUMN counting_gap.cause IS
    'killed: a process ended unclean; machine: the machine did; no_evidence: counted without event file; damaged: a file; '
    'late: of minutes whose neighbours were removed already';
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
    closing_id      bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT day_closing_in_a_row UNIQUE,
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
-- What a closing says of evidence and gaps is said anew when some arrives late.
CREATE FUNCTION mark_day_to_close() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'evidence_segment' THEN
        INSERT INTO day_to_close (day) VALUES (NEW.day) ON CONFLICT (day) DO UPDATE SET day = excluded.day;
    ELSE
        INSERT INTO day_to_close (day)
        SELECT generate_series((NEW.began_at AT TIME ZONE INTERVAL '08:00')::date,
                               (NEW.ended_at AT TIME ZONE INTERVAL '08:00')::date, INTERVAL '1 day')
        ON CONFLICT (day) DO UPDATE SET day = excluded.day;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER evidence_segment_to_close AFTER INSERT ON evidence_segment
    FOR EACH ROW EXECUTE FUNCTION mark_day_to_close();
CREATE TRIGGER counting_gap_to_close AFTER INSERT ON counting_gap
    FOR EACH ROW EXECUTE FUNCTION mark_day_to_close();

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

-- What is asked of a year: the node and each template by day, a prefix by month. Kept by triggers, as those of
-- resolutions are.
CREATE TABLE registration_total (
    template_id         integer NOT NULL,
    day                 date NOT NULL,
    registered          bigint NOT NULL,
    first_registered    bigint NOT NULL,
    updated             bigint NOT NULL,
    deleted             bigint NOT NULL,
    suspended           bigint NOT NULL,
    resumed             bigint NOT NULL,
    moved_in            bigint NOT NULL,
    moved_out           bigint NOT NULL,
    PRIMARY KEY (template_id, day)
);
COMMENT ON COLUMN registration_total.template_id IS '-1: the whole node';
CREATE TABLE registration_month (
    month               date NOT NULL,
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
    PRIMARY KEY (month, prefix_id, template_id)
);
COMMENT ON COLUMN registration_month.month IS 'its first day';
CREATE INDEX registration_month_by_prefix ON registration_month (prefix_id, month);

-- Adds the changed rows, or takes away what they were: 1 or -1 is the trigger's argument.
CREATE FUNCTION add_up_registrations() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sign CONSTANT integer := TG_ARGV[0];
BEGIN
    INSERT INTO registration_total AS known (template_id, day, registered, first_registered, updated, deleted, suspended,
                                             resumed, moved_in, moved_out)
    SELECT coalesce(template_id, -1), day, sign * sum(registered), sign * sum(first_registered), sign * sum(updated),
           sign * sum(deleted), sign * sum(suspended), sign * sum(resumed), sign * sum(moved_in), sign * sum(moved_out)
    FROM changed GROUP BY GROUPING SETS ((template_id, day), (day)) ORDER BY 1, 2
    ON CONFLICT (template_id, day) DO UPDATE
    SET registered = known.registered + excluded.registered,
        first_registered = known.first_registered + excluded.first_registered,
        updated = known.updated + excluded.updated, deleted = known.deleted + excluded.deleted,
        suspended = known.suspended + excluded.suspended, resumed = known.resumed + excluded.resumed,
        moved_in = known.moved_in + excluded.moved_in, moved_out = known.moved_out + excluded.moved_out;

    INSERT INTO registration_month AS known (month, prefix_id, template_id, registered, first_registered, updated, deleted,
                                             suspended, resumed, moved_in, moved_out)
    SELECT date_trunc('month', day::timestamp)::date, prefix_id, template_id, sign * sum(registered),
           sign * sum(first_registered), sign * sum(updated), sign * sum(deleted), sign * sum(suspended),
           sign * sum(resumed), sign * sum(moved_in), sign * sum(moved_out)
    FROM changed GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (month, prefix_id, template_id) DO UPDATE
    SET registered = known.registered + excluded.registered,
        first_registered = known.first_registered + excluded.first_registered,
        updated = known.updated + excluded.updated, deleted = known.deleted + excluded.deleted,
        suspended = known.suspended + excluded.suspended, resumed = known.resumed + excluded.resumed,
        moved_in = known.moved_in + excluded.moved_in, moved_out = known.moved_out + excluded.moved_out;
    RETURN NULL;
END $$;
CREATE TRIGGER registration_day_added AFTER INSERT ON registration_day
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION add_up_registrations('1');
CREATE TRIGGER registration_day_changed AFTER UPDATE ON registration_day
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION add_up_registrations('1');
CREATE TRIGGER registration_day_replaced AFTER UPDATE ON registration_day
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION add_up_registrations('-1');
CREATE TRIGGER registration_day_removed AFTER DELETE ON registration_day
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION add_up_registrations('-1');

-- The days of Asia/Shanghai with what is summed already and what is not yet: whoever asks adds the rows up.
CREATE VIEW registration_by_day AS
SELECT day, prefix_id, template_id, registered, first_registered, updated, deleted, suspended, resumed, moved_in, moved_out
FROM registration_day
UNION ALL
SELECT (at AT TIME ZONE INTERVAL '08:00')::date, prefix_id, template_id, registered, first_registered, updated, deleted,
       suspended, resumed, moved_in, moved_out
FROM registration_tally;
-- Likewise each template, and the whole node (-1).
CREATE VIEW registration_total_by_day AS
SELECT template_id, day, registered, first_registered, updated, deleted, suspended, resumed, moved_in, moved_out
FROM registration_total
UNION ALL
SELECT told.template_id, (at AT TIME ZONE INTERVAL '08:00')::date, registered, first_registered, updated, deleted,
       suspended, resumed, moved_in, moved_out
FROM registration_tally CROSS JOIN LATERAL (VALUES (registration_tally.template_id), (-1)) AS told (template_id);
-- Likewise each prefix and template from one day to before another, of which whole months may be a part.
CREATE FUNCTION registrations_between(first_month date, month_after date, since date, day_after date)
RETURNS TABLE (prefix_id integer, template_id integer, registered bigint, first_registered bigint, updated bigint,
               deleted bigint, suspended bigint, resumed bigint, moved_in bigint, moved_out bigint)
LANGUAGE sql STABLE AS $$
    SELECT prefix_id, template_id, registered, first_registered, updated, deleted, suspended, resumed, moved_in, moved_out
    FROM registration_month WHERE month >= first_month AND month < month_after
    UNION ALL
    SELECT prefix_id, template_id, registered, first_registered, updated, deleted, suspended, resumed, moved_in, moved_out
    FROM registration_day WHERE day >= since AND day < first_month
    UNION ALL
    SELECT prefix_id, template_id, registered, first_registered, updated, deleted, suspended, resumed, moved_in, moved_out
    FROM registration_day WHERE day >= month_after AND day < day_after
    UNION ALL
    SELECT prefix_id, template_id, registered, first_registered, updated, deleted, suspended, resumed, moved_in, moved_out
    FROM registration_tally
    WHERE (at AT TIME ZONE INTERVAL '08:00')::date >= since AND (at AT TIME ZONE INTERVAL '08:00')::date < day_after
$$;

-- What history says of each identifier in the words of registration_by_day. An undone or restored one may have been
-- anything before and after: it counts as what somebody sees who compares the two.
ALTER TABLE identifier_history ADD COLUMN registered_at timestamptz;
COMMENT ON COLUMN identifier_history.registered_at IS
    'of a restored identifier: when it had been registered; null where the entry itself is the act';
-- Entries come in the order of their time, but for what waited: a range index finds those of a day.
CREATE INDEX identifier_history_by_time ON identifier_history USING brin (at)
    WITH (pages_per_range = 32, autosummarize = on);

CREATE VIEW registration_in_history AS
SELECT h.at, h.prefix_id, h.suffix_key, h.version, h.action = 1 AS registered,
       h.action = 1 AND h.version = 1 AND h.before_state IS NULL AS first_registered, h.action IN (2, 6) AS updated,
       h.action = 3 AS deleted, h.action = 4 AS suspended, h.action = 5 AS resumed
FROM identifier_history h
WHERE h.action <> 7 AND h.registered_at IS NULL
UNION ALL
SELECT h.at, h.prefix_id, h.suffix_key, h.version, stands AND NOT stood,
       h.action = 1 AND h.before_state IS NULL AND extract(year FROM h.at AT TIME ZONE INTERVAL '08:00')
                                                 = extract(year FROM h.registered_at AT TIME ZONE INTERVAL '08:00'),
       stands AND stood AND (h.before IS NOT NULL OR h.before_template_id <> became.template_id),
       stood AND NOT stands,
       became.state = 3 AND h.before_state IS DISTINCT FROM 3,
       became.state = 1 AND h.before_state IS NOT DISTINCT FROM 3
FROM identifier_history h
JOIN identifier i ON i.prefix_id = h.prefix_id AND i.suffix_key = h.suffix_key
LEFT JOIN LATERAL (
    SELECT n.before_state, n.before_template_id FROM identifier_history n
    WHERE n.prefix_id = h.prefix_id AND n.suffix_key = h.suffix_key AND n.version > h.version
    ORDER BY n.version LIMIT 1
) AS next ON true
CROSS JOIN LATERAL (
    SELECT coalesce(next.before_state, i.state) AS state, coalesce(next.before_template_id, i.template_id) AS template_id
) AS became
CROSS JOIN LATERAL (SELECT coalesce(h.before_state <> 2, false) AS stood, became.state <> 2 AS stands) AS ends
WHERE h.action = 7 OR h.registered_at IS NOT NULL;
COMMENT ON COLUMN registration_in_history.first_registered IS
    'it never stood before; of restored ones only what was registered in the year in which it came back';

-- What was registered before there were tallies. Everything goes under the template that an identifier has now.
INSERT INTO registration_day
SELECT (h.at AT TIME ZONE INTERVAL '08:00')::date, h.prefix_id, i.template_id,
       count(*) FILTER (WHERE h.registered), count(*) FILTER (WHERE h.first_registered),
       count(*) FILTER (WHERE h.updated), count(*) FILTER (WHERE h.deleted),
       count(*) FILTER (WHERE h.suspended), count(*) FILTER (WHERE h.resumed), 0, 0
FROM registration_in_history h
JOIN identifier i ON i.prefix_id = h.prefix_id AND i.suffix_key = h.suffix_key
GROUP BY 1, 2, 3;
-- What went upward was counted from the messages of a day until now.
DROP INDEX outbox_summary_by_time;

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
GRANT SELECT, INSERT, UPDATE ON resolution_hour, resolution_day, resolution_hour_total, resolution_total,
    resolution_month, resolution_digest, digest_month, registration_day, registration_total, registration_month
    TO biaoshi_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON hour_to_sum, day_to_close TO biaoshi_writer;
GRANT SELECT, INSERT, DELETE ON registration_tally, counting_key TO biaoshi_writer;
GRANT DELETE ON resolution_count TO biaoshi_writer;
GRANT SELECT ON registration_by_day, registration_total_by_day, registration_in_history TO biaoshi_writer;
GRANT SELECT ON SEQUENCE registration_tally_tally_id_seq TO biaoshi_writer;
