-- Registration in every form: changes by the thousand that can be undone, identifiers that can be suspended,
-- searches by number, references between identifiers, files, coding rules, saved column mappings.

-- Identifiers and their history ---------------------------------------------------------------------

ALTER TABLE identifier DROP CONSTRAINT identifier_state_known,
    ADD CONSTRAINT identifier_state_known CHECK (state IN (1, 2, 3));
COMMENT ON COLUMN identifier.state IS
    '1 live, 2 deleted (the row stays so that versions and counts go on), 3 suspended (kept, and not resolved)';

ALTER TABLE identifier_history DROP CONSTRAINT identifier_history_action_known,
    ADD CONSTRAINT identifier_history_action_known CHECK (action IN (1, 2, 3, 4, 5, 6, 7)),
    ADD COLUMN before_state smallint,
    ADD COLUMN before_template_id integer,
    ADD COLUMN history_id bigint GENERATED ALWAYS AS IDENTITY;
COMMENT ON COLUMN identifier_history.action IS
    '1 register, 2 update, 3 delete, 4 suspend, 5 resume, 6 migrate, 7 undo';
COMMENT ON COLUMN identifier_history.before IS
    'the record this version replaced; null when there was none or it stayed the same';
COMMENT ON COLUMN identifier_history.before_state IS
    'the state this version replaced; null for a first registration, and for changes made before this column was';
COMMENT ON COLUMN identifier_history.history_id IS
    'the position in history: complete below the highest one seen by whoever holds the prefix row exclusively';
-- Rows come in the order of their position: a range index of a few pages finds them, at no cost per row.
CREATE INDEX identifier_history_by_position ON identifier_history USING brin (history_id)
    WITH (pages_per_range = 32, autosummarize = on);
-- The ranges written last are looked through as a whole until somebody sums them up; the writer may not wait for
-- autovacuum when it undoes what was done a minute ago.
CREATE FUNCTION summarize_history() RETURNS integer LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT
    AS $$ SELECT brin_summarize_new_values('identifier_history_by_position') $$;
REVOKE EXECUTE ON FUNCTION summarize_history() FROM PUBLIC;

-- Searching -----------------------------------------------------------------------------------------

ALTER TABLE attribute_index ADD COLUMN number numeric;
COMMENT ON COLUMN attribute_index.number IS 'the value of an attribute of the kind number, for ranges';
UPDATE attribute_index a SET number = a.value::numeric
FROM template t, jsonb_array_elements(t.definition -> 'attributes') AS attribute
WHERE t.template_id = a.template_id AND attribute ->> 'kind' = 'number'
      AND (attribute ->> 'index')::integer = a.attribute_index;
CREATE INDEX attribute_index_by_number ON attribute_index (prefix_id, template_id, attribute_index, number, suffix_key)
    WHERE number IS NOT NULL;
-- Searches by template and by time. Costs a registered row 59 bytes, 103 bytes of WAL and about a microsecond.
CREATE INDEX identifier_by_template ON identifier (prefix_id, template_id, updated_at, suffix_key);
-- Searches by time of registration: those that were not changed since stand in the index above already.
CREATE INDEX identifier_by_registration ON identifier (prefix_id, template_id, registered_at, suffix_key)
    WHERE registered_at <> updated_at;
-- Searches for the few that are not live; costs a live row nothing.
CREATE INDEX identifier_by_state ON identifier (prefix_id, state, suffix_key) WHERE state <> 1;
CREATE TABLE identifier_reference (
    prefix_id           integer NOT NULL,
    attribute_index     integer NOT NULL,
    suffix_key          text COLLATE "C" NOT NULL,
    target_prefix       text COLLATE "C" NOT NULL,
    target_suffix_key   text COLLATE "C" NOT NULL,
    CONSTRAINT identifier_reference_unique
        PRIMARY KEY (prefix_id, suffix_key, attribute_index, target_prefix, target_suffix_key)
);
COMMENT ON TABLE identifier_reference IS 'what the reference attributes of an identifier point at, by comparison keys';
CREATE INDEX identifier_reference_by_target ON identifier_reference
    (target_prefix, target_suffix_key, prefix_id, suffix_key, attribute_index);

-- Files ---------------------------------------------------------------------------------------------

CREATE TABLE file (
    enterprise_id   uuid NOT NULL CONSTRAINT file_enterprise_known REFERENCES enterprise,
    sha256          bytea NOT NULL CONSTRAINT file_digest_length CHECK (octet_length(sha256) = 32),
    name            text NOT NULL,
    media_type      text NOT NULL,
    bytes           bigint NOT NULL,
    content         bytea NOT NULL,
    account_id      uuid NOT NULL,
    created_at      timestamptz NOT NULL,
    CONSTRAINT file_unique PRIMARY KEY (enterprise_id, sha256)
);
COMMENT ON TABLE file IS 'contents that attributes of the kind file name by their SHA-256; kept once per enterprise';
-- Not compressed: most formats are already, and a download reads slice by slice.
ALTER TABLE file ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE INDEX file_by_digest ON file (sha256);
CREATE INDEX file_by_age ON file (enterprise_id, created_at, sha256);

-- Coding rules and saved mappings -------------------------------------------------------------------

CREATE TABLE coding_rule (
    coding_rule_id  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    enterprise_id   uuid NOT NULL CONSTRAINT coding_rule_enterprise_known REFERENCES enterprise,
    name            text COLLATE "C" NOT NULL,
    definition      jsonb NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);
CREATE UNIQUE INDEX coding_rule_name_unique ON coding_rule (enterprise_id, name);

CREATE TABLE coding_serial (
    coding_rule_id  integer NOT NULL,
    prefix_id       integer NOT NULL,
    period          text COLLATE "C" NOT NULL,
    next_serial     bigint NOT NULL,
    CONSTRAINT coding_serial_unique PRIMARY KEY (coding_rule_id, prefix_id, period)
);
COMMENT ON COLUMN coding_serial.period IS 'empty, or the year, month or day in which the serial numbers begin anew';

CREATE TABLE column_mapping (
    column_mapping_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    enterprise_id   uuid NOT NULL CONSTRAINT column_mapping_enterprise_known REFERENCES enterprise,
    name            text COLLATE "C" NOT NULL,
    definition      jsonb NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);
CREATE UNIQUE INDEX column_mapping_name_unique ON column_mapping (enterprise_id, name);

-- Batches of every operation ------------------------------------------------------------------------

ALTER TABLE batch DROP CONSTRAINT batch_state_known,
    ADD CONSTRAINT batch_state_known CHECK (state IN ('running', 'paused', 'cancelled', 'finished', 'failed')),
    ALTER COLUMN template_id DROP NOT NULL,
    ADD COLUMN operation text NOT NULL DEFAULT 'register' CONSTRAINT batch_operation_known
        CHECK (operation IN ('register', 'update', 'delete', 'suspend', 'resume', 'migrate', 'restore', 'undo')),
    ADD COLUMN changed bigint NOT NULL DEFAULT 0,
    ADD COLUMN selected bigint,
    ADD COLUMN body_expected bigint,
    ADD COLUMN read_sheet smallint NOT NULL DEFAULT 0,
    ADD COLUMN read_key text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN history_from bigint NOT NULL DEFAULT 0,
    ADD COLUMN history_to bigint NOT NULL DEFAULT 0,
    ADD COLUMN undoes uuid,
    ADD COLUMN undone_by uuid;
COMMENT ON COLUMN batch.changed IS 'identifiers updated, deleted, suspended, resumed, migrated, restored or undone';
COMMENT ON COLUMN batch.selected IS 'identifiers that the confirmed query selected; null when the rows come from a body';
COMMENT ON COLUMN batch.body_expected IS 'octets the sender announced, as sent; null when it did not say';
COMMENT ON COLUMN batch.header IS 'how the rows are read: column names, delimiter, sheets; what a continued reading needs';
COMMENT ON COLUMN batch.read_key IS 'the last suffix key that is settled, when the rows come from a query or from history';
COMMENT ON COLUMN batch.history_from IS 'its history entries have positions above this one';
COMMENT ON COLUMN batch.history_to IS 'and up to this one';
-- Headers written before were the plain list of column names.
UPDATE batch SET header = jsonb_build_object('columns', header, 'delimiter', request ->> 'delimiter')
WHERE jsonb_typeof(header) = 'array';
-- Requests written before said less; what they did not say was so.
UPDATE batch SET request = (request - 'media') || jsonb_build_object(
    'operation', 'register', 'format', request -> 'media', 'gzip', false, 'encoding', null, 'sheet', null,
    'mapping', CASE WHEN request -> 'mapping' = '[]' THEN 'null' ELSE request -> 'mapping' END, 'mapping_name', null)
WHERE request ? 'media';

ALTER TABLE rejection DROP CONSTRAINT rejection_pkey,
    ADD COLUMN sheet smallint NOT NULL DEFAULT 0,
    ALTER COLUMN input_row DROP NOT NULL,
    ADD CONSTRAINT rejection_unique PRIMARY KEY (batch_id, sheet, line, fault);
COMMENT ON COLUMN rejection.sheet IS 'number of the worksheet from 1, 0 when the input has none; line counts within it';
COMMENT ON COLUMN rejection.input_row IS 'stands with the first fault of its row only';

-- Rights --------------------------------------------------------------------------------------------

GRANT SELECT, INSERT, DELETE ON identifier_reference TO biaoshi_writer;
GRANT SELECT, INSERT ON file TO biaoshi_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON coding_rule, column_mapping TO biaoshi_writer;
GRANT SELECT, INSERT, UPDATE ON coding_serial TO biaoshi_writer;
GRANT SELECT ON SEQUENCE identifier_history_history_id_seq TO biaoshi_writer;
GRANT EXECUTE ON FUNCTION summarize_history() TO biaoshi_writer;
GRANT SELECT ON file TO biaoshi_reader;
