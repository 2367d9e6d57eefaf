-- What the mock national node keeps beside the tables of the upper side (docked_*, docking_*), which its migrated
-- database has in public. In a schema of its own, so that a database given by mistake is not harmed.
CREATE SCHEMA IF NOT EXISTS mock_national;
SET search_path = mock_national, public;

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
COMMENT ON COLUMN request.signature IS 'valid, unsigned, unread, or the code of what was wrong with it';
COMMENT ON COLUMN request.body IS 'empty of files and standby pages that were accepted: they lie in tables of their own';

-- Resolutions that the mock made itself, from an address that counts: the node's reports have to show them.
CREATE TABLE IF NOT EXISTS canary (
    delegated_prefix    text COLLATE "C" NOT NULL,
    day                 date NOT NULL,
    interface           smallint NOT NULL,
    answered            bigint NOT NULL,
    missed              bigint NOT NULL,
    uncertain           bigint NOT NULL,
    PRIMARY KEY (delegated_prefix, day, interface)
);
COMMENT ON COLUMN canary.uncertain IS 'asked and not answered: the node may have counted them';

-- Until version 1 of the upper side the mock had tables of its own; what stands in them moves, once.
DO $$ BEGIN
IF to_regclass('mock_national.key_pair') IS NOT NULL THEN
    INSERT INTO public.docked_node (node_id, delegated_prefix, laboratory, first_seen_at, last_seen_at, heartbeat, heartbeat_at)
    SELECT n.node_id, upper(k.delegated_prefix), n.laboratory, n.first_seen_at, n.last_seen_at, n.heartbeat, n.heartbeat_at
    FROM mock_national.node n JOIN mock_national.key_pair k USING (access_key);
    INSERT INTO public.docked_stream (node_id, stream, last_sequence, messages, disordered)
    SELECT node_id, stream, last_sequence, messages, disordered FROM mock_national.stream;
    INSERT INTO public.docked_message
        (node_id, message_id, stream, sequence, kind, laboratory, created_at, received_at, body)
    SELECT node_id, message_id, stream, sequence, kind, laboratory, created_at, received_at, body
    FROM mock_national.message ORDER BY arrival;
    INSERT INTO public.docked_enterprise (node_id, enterprise_id, credit_code, other_certificate, name, division_code,
                                          industry_code, state, report, reported_at)
    SELECT node_id, enterprise_id, credit_code, other_certificate, name, division_code, industry_code, state, '{}', reported_at
    FROM mock_national.enterprise;
    INSERT INTO public.docked_prefix (prefix, delegated_prefix, node_id, enterprise_id, credit_code, other_certificate,
                                      state, changed_at)
    SELECT p.prefix, upper(k.delegated_prefix), p.node_id, p.enterprise_id, p.credit_code, p.other_certificate, p.state,
           p.changed_at
    FROM mock_national.prefix p JOIN mock_national.key_pair k USING (access_key);
    INSERT INTO public.docked_verification (node_id, delegated_prefix, prefix, enterprise_id, credit_code,
                                            other_certificate, asked_at, decided_at)
    SELECT v.node_id, upper(k.delegated_prefix), v.prefix, v.enterprise_id, v.credit_code, v.other_certificate,
           v.asked_at, v.decided_at
    FROM mock_national.verification v JOIN mock_national.key_pair k USING (access_key) ORDER BY v.verification_id;
    -- The nodes remember how far they have read.
    INSERT INTO public.docked_verdict (sequence, delegated_prefix, prefix, passed, reason, at) OVERRIDING SYSTEM VALUE
    SELECT v.sequence, upper(k.delegated_prefix), v.prefix, v.passed, v.reason, v.at
    FROM mock_national.verdict v JOIN mock_national.key_pair k USING (access_key);
    PERFORM setval(pg_get_serial_sequence('public.docked_verdict', 'sequence'),
                   (SELECT greatest(1, max(sequence)) FROM public.docked_verdict));
    INSERT INTO public.docked_registration (node_id, prefix, registered, updated, deleted, suspended, resumed)
    SELECT node_id, prefix, registered, updated, deleted, suspended, resumed FROM mock_national.registration;
    INSERT INTO public.docked_count (node_id, period, at, laboratory, stated_at, registered, updated, deleted, suspended,
                                     resumed, resolutions)
    SELECT node_id, 'day', day::timestamp AT TIME ZONE INTERVAL '08:00', laboratory, at, registered, updated, deleted,
           suspended, resumed, resolutions
    FROM mock_national.daily_count;
    DROP TABLE mock_national.nonce, mock_national.stream, mock_national.message, mock_national.enterprise,
        mock_national.prefix, mock_national.verification, mock_national.verdict, mock_national.registration,
        mock_national.daily_count, mock_national.node, mock_national.key_pair;
END IF;
END $$;
