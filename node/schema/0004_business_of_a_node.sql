-- The business of a secondary node: full enterprise records with sealed personal data, reviews, numbering and hosting
-- of prefixes, grants, application identities, compatibility with SNMS and IDHub, files and attachments, commerce,
-- service requests, published documents.

-- Enterprises ---------------------------------------------------------------------------------------

ALTER TABLE enterprise DROP CONSTRAINT enterprise_credit_code_form,
    ADD CONSTRAINT enterprise_credit_code_form
        CHECK (credit_code = '' OR credit_code ~ '^[0-9A-HJ-NP-RTUWXY]{18}$'),
    ADD COLUMN other_certificate text NOT NULL DEFAULT '',
    ADD CONSTRAINT enterprise_one_certificate CHECK ((credit_code = '') <> (other_certificate = '')),
    ADD COLUMN enterprise_number bigint GENERATED ALWAYS AS IDENTITY,
    ADD COLUMN profile jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN personal bytea,
    ADD COLUMN valid_until date;
DROP INDEX enterprise_credit_code_unique;
CREATE UNIQUE INDEX enterprise_credit_code_unique ON enterprise (credit_code)
    WHERE credit_code <> '' AND state NOT IN ('rejected', 'closed');
CREATE UNIQUE INDEX enterprise_other_certificate_unique ON enterprise (other_certificate)
    WHERE other_certificate <> '' AND state NOT IN ('rejected', 'closed');
CREATE UNIQUE INDEX enterprise_number_unique ON enterprise (enterprise_number);
CREATE INDEX enterprise_by_validity ON enterprise (valid_until) WHERE valid_until IS NOT NULL;
-- The filing looks up exactly the name that is published.
CREATE INDEX enterprise_by_name ON enterprise (name);
COMMENT ON COLUMN enterprise.other_certificate IS 'number of a certificate that is no credit code; empty if there is one';
COMMENT ON COLUMN enterprise.enterprise_number IS 'the id that interfaces with whole numbers show';
COMMENT ON COLUMN enterprise.profile IS 'what of the full record is about no person';
COMMENT ON COLUMN enterprise.valid_until IS 'the first day on which something of the profile ends';
COMMENT ON COLUMN enterprise.personal IS 'contact and legal representative, sealed for enterprise:<enterprise_id>';
COMMENT ON COLUMN enterprise.contact_name IS 'empty since personal holds it; what older nodes wrote is sealed at the next start';

CREATE TABLE validity_reminder (
    enterprise_id   uuid NOT NULL REFERENCES enterprise,
    what            text NOT NULL,
    valid_until     date NOT NULL,
    days_before     integer NOT NULL,
    reminded_at     timestamptz NOT NULL,
    PRIMARY KEY (enterprise_id, what, valid_until, days_before)
);
COMMENT ON TABLE validity_reminder IS 'which reminders of an ending validity have been given, so that none is given twice';

-- Notifications (通知) ------------------------------------------------------------------------------

CREATE TABLE notification (
    notification_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    enterprise_id   uuid CONSTRAINT notification_enterprise_known REFERENCES enterprise,
    account_id      uuid,
    kind            text NOT NULL,
    body            jsonb NOT NULL,
    created_at      timestamptz NOT NULL,
    read_at         timestamptz
);
CREATE INDEX notification_by_enterprise ON notification (enterprise_id, notification_id);
COMMENT ON COLUMN notification.enterprise_id IS 'whose it is; null: the node''s staff''s';
COMMENT ON COLUMN notification.account_id IS 'null: for every account of the enterprise, or of the staff';

-- Reviews (审核) ------------------------------------------------------------------------------------

CREATE TABLE review (
    review_id       uuid PRIMARY KEY,
    subject_kind    text NOT NULL CONSTRAINT review_subject_known
                    CHECK (subject_kind IN ('enterprise', 'prefix', 'hosting', 'transfer')),
    subject_id      text NOT NULL,
    enterprise_id   uuid NOT NULL,
    occasion        text NOT NULL CONSTRAINT review_occasion_known CHECK (occasion IN ('registration', 'amendment')),
    state           text NOT NULL CONSTRAINT review_state_known CHECK (state IN ('waiting', 'seconding', 'decided')),
    claimed_by      uuid,
    claimed_until   timestamptz,
    first_approval_by uuid,
    first_approval_at timestamptz,
    outcome         text,
    reasons         jsonb NOT NULL DEFAULT '[]',
    decided_by      uuid,
    opened_at       timestamptz NOT NULL,
    decided_at      timestamptz
);
CREATE UNIQUE INDEX review_open_unique ON review (subject_kind, subject_id) WHERE state <> 'decided';
CREATE INDEX review_by_state ON review (state, review_id);
CREATE INDEX review_by_enterprise ON review (enterprise_id, review_id);
COMMENT ON COLUMN review.state IS 'waiting (claimed or not), seconding: approved once where two must, decided';

-- What waited before there was a queue: ids as of UUID version 7's order, so that it stands in the order of its time.
INSERT INTO review (review_id, subject_kind, subject_id, enterprise_id, occasion, state, opened_at)
SELECT (lpad(to_hex((extract(epoch FROM waiting.since) * 1000)::bigint), 12, '0')
        || substr(replace(gen_random_uuid()::text, '-', ''), 13))::uuid,
       waiting.kind, waiting.id, waiting.enterprise_id, 'registration', 'waiting', waiting.since
FROM (SELECT 'enterprise' AS kind, enterprise_id::text AS id, enterprise_id, updated_at AS since
      FROM enterprise WHERE state = 'submitted'
      UNION ALL
      SELECT 'prefix', prefix_id::text, enterprise_id, updated_at FROM prefix WHERE state = 'applied') AS waiting;

CREATE TABLE identity_check (
    identity_check_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    review_id       uuid NOT NULL REFERENCES review,
    verifier        text NOT NULL,
    account_id      uuid NOT NULL,
    outcome         text NOT NULL CONSTRAINT identity_check_outcome_known
                    CHECK (outcome IN ('passed', 'failed', 'form_only', 'unavailable')),
    findings        jsonb NOT NULL,
    checked_at      timestamptz NOT NULL
);
CREATE INDEX identity_check_by_review ON identity_check (review_id, identity_check_id);

-- Prefixes ------------------------------------------------------------------------------------------

ALTER TABLE prefix
    ADD COLUMN hosting text NOT NULL DEFAULT 'hosted' CONSTRAINT prefix_hosting_known
        CHECK (hosting IN ('self_hosted', 'applied', 'rejected', 'hosted')),
    ADD COLUMN hosting_reason text NOT NULL DEFAULT '',
    ADD COLUMN with_enterprise boolean NOT NULL DEFAULT false,
    ADD COLUMN suffix_rule_id integer CONSTRAINT prefix_suffix_rule_known REFERENCES coding_rule,
    ADD COLUMN limited boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN prefix.hosting IS '托管: only under a hosted prefix are identifiers registered here';
COMMENT ON COLUMN prefix.with_enterprise IS 'applied for together with its enterprise, and reviewed with it';
COMMENT ON COLUMN prefix.suffix_rule_id IS 'the coding rule that every suffix registered from now on has to obey';
COMMENT ON COLUMN prefix.limited IS 'has a row in prefix_quota: registrations look there only where there is one';

CREATE TABLE numbering_plan (
    only_row        boolean PRIMARY KEY DEFAULT true CONSTRAINT numbering_plan_only_row CHECK (only_row),
    definition      jsonb NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    updated_at      timestamptz NOT NULL
);
CREATE TABLE numbering_serial (
    beginning       text COLLATE "C" PRIMARY KEY,
    next_serial     bigint NOT NULL
);
COMMENT ON TABLE numbering_serial IS 'the next serial number behind each beginning that the plan makes; never taken back';
CREATE TABLE reserved_number (
    reserved_number_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    first_number    text COLLATE "C" NOT NULL,
    last_number     text COLLATE "C" NOT NULL,
    kind            text NOT NULL CONSTRAINT reserved_number_kind_known CHECK (kind IN ('reserved', 'vanity')),
    reason          text NOT NULL,
    created_at      timestamptz NOT NULL,
    CONSTRAINT reserved_number_range
        CHECK (char_length(first_number) = char_length(last_number) AND first_number <= last_number)
);
COMMENT ON TABLE reserved_number IS 'enterprise segments that are not given on request: ranges of numbers of one length';

CREATE TABLE prefix_transfer (
    prefix_transfer_id uuid PRIMARY KEY,
    prefix_id       integer NOT NULL CONSTRAINT prefix_transfer_prefix_known REFERENCES prefix,
    from_enterprise_id uuid NOT NULL REFERENCES enterprise,
    to_enterprise_id uuid NOT NULL CONSTRAINT prefix_transfer_receiver_known REFERENCES enterprise,
    state           text NOT NULL CONSTRAINT prefix_transfer_state_known
                    CHECK (state IN ('offered', 'accepted', 'declined', 'cancelled', 'rejected', 'done')),
    reason          text NOT NULL DEFAULT '',
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);
CREATE UNIQUE INDEX prefix_transfer_open_unique ON prefix_transfer (prefix_id) WHERE state IN ('offered', 'accepted');
CREATE INDEX prefix_transfer_by_enterprise ON prefix_transfer (from_enterprise_id, prefix_transfer_id);
CREATE INDEX prefix_transfer_by_receiver ON prefix_transfer (to_enterprise_id, prefix_transfer_id);

-- Templates -----------------------------------------------------------------------------------------

ALTER TABLE template
    ADD COLUMN based_on integer,
    ADD COLUMN fixed boolean NOT NULL DEFAULT false,
    ADD COLUMN used boolean NOT NULL DEFAULT true,
    ALTER COLUMN used SET DEFAULT false;
COMMENT ON COLUMN template.used IS 'a registration has asked for it, so that identifiers may have it: it is not removed';
COMMENT ON COLUMN template.based_on IS 'the template it was copied from';
COMMENT ON COLUMN template.fixed IS 'a copy whose attributes stay those of its origin, and that others are not granted';

CREATE TABLE template_grant (
    enterprise_id   uuid NOT NULL REFERENCES enterprise,
    name            text COLLATE "C" NOT NULL,
    grantee         text COLLATE "C" NOT NULL,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (enterprise_id, name, grantee)
);
COMMENT ON TABLE template_grant IS 'who besides its owner may use every edition of a template';
COMMENT ON COLUMN template_grant.grantee IS '*: everybody; else the id of an enterprise';

CREATE TABLE template_alias (
    scheme          smallint NOT NULL CONSTRAINT template_alias_scheme_known CHECK (scheme IN (1, 2)),
    prefix          text COLLATE "C" NOT NULL,
    alias           text COLLATE "C" NOT NULL,
    enterprise_id   uuid NOT NULL CONSTRAINT template_alias_enterprise_known REFERENCES enterprise,
    name            text COLLATE "C" NOT NULL,
    said            jsonb NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    CONSTRAINT template_alias_unique PRIMARY KEY (scheme, prefix, alias)
);
CREATE INDEX template_alias_by_name ON template_alias (enterprise_id, name);
COMMENT ON TABLE template_alias IS 'what the templates of an enterprise are called in SNMS (1: version) and IDHub (2: metadata handle)';
COMMENT ON COLUMN template_alias.said IS 'what that interface says of a template and the node has no use for';

CREATE TABLE template_category (
    template_category_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    enterprise_id   uuid NOT NULL REFERENCES enterprise,
    parent_id       integer REFERENCES template_category,
    code            text COLLATE "C" NOT NULL,
    name            text NOT NULL,
    sort            integer NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX template_category_code_unique ON template_category (enterprise_id, code);

-- Coding rules and documents ------------------------------------------------------------------------

ALTER TABLE coding_rule ALTER COLUMN enterprise_id DROP NOT NULL;
COMMENT ON COLUMN coding_rule.enterprise_id IS 'null: the node''s own, for every enterprise it fits';
DROP INDEX coding_rule_name_unique;
CREATE UNIQUE INDEX coding_rule_name_unique ON coding_rule
    (coalesce(enterprise_id, '00000000-0000-0000-0000-000000000000'::uuid), name);

CREATE TABLE document (
    document_id     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind            text NOT NULL CONSTRAINT document_kind_known
                    CHECK (kind IN ('coding_rule', 'technical_standard', 'management', 'operation')),
    name            text COLLATE "C" NOT NULL,
    document_version integer NOT NULL,
    title_zh        text NOT NULL,
    title_en        text NOT NULL DEFAULT '',
    body            text NOT NULL,
    coding_rule_id  integer CONSTRAINT document_coding_rule_known REFERENCES coding_rule,
    state           text NOT NULL CONSTRAINT document_state_known
                    CHECK (state IN ('draft', 'published', 'superseded', 'withdrawn')),
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    published_at    timestamptz
);
CREATE UNIQUE INDEX document_name_unique ON document (name, document_version);

CREATE TABLE announcement (
    announcement_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title_zh        text NOT NULL,
    title_en        text NOT NULL DEFAULT '',
    body            text NOT NULL,
    state           text NOT NULL CONSTRAINT announcement_state_known CHECK (state IN ('draft', 'published', 'withdrawn')),
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    published_at    timestamptz
);

-- Application identities, groups, authorisation of data ---------------------------------------------

CREATE TABLE application_identity (
    account_id      uuid PRIMARY KEY REFERENCES account,
    handle          text COLLATE "C" NOT NULL,
    handle_key      text COLLATE "C" NOT NULL,
    enterprise_id   uuid NOT NULL REFERENCES enterprise,
    title           text NOT NULL DEFAULT '',
    public_key      text,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);
CREATE UNIQUE INDEX application_identity_handle_unique ON application_identity (handle_key);
CREATE INDEX application_identity_by_enterprise ON application_identity (enterprise_id, handle_key);
COMMENT ON COLUMN application_identity.public_key IS 'RSA public key in PEM; null: it signs in by password or token only';

CREATE TABLE identity_group (
    identity_group_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    enterprise_id   uuid NOT NULL REFERENCES enterprise,
    handle          text COLLATE "C" NOT NULL,
    handle_key      text COLLATE "C" NOT NULL,
    title           text NOT NULL DEFAULT '',
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);
CREATE UNIQUE INDEX identity_group_handle_unique ON identity_group (handle_key);
CREATE TABLE identity_group_member (
    identity_group_id integer NOT NULL REFERENCES identity_group ON DELETE CASCADE,
    account_id      uuid NOT NULL REFERENCES application_identity,
    PRIMARY KEY (identity_group_id, account_id)
);
CREATE INDEX identity_group_member_by_account ON identity_group_member (account_id);
CREATE TABLE identity_group_import (
    enterprise_id   uuid NOT NULL REFERENCES enterprise,
    identity_group_id integer NOT NULL REFERENCES identity_group ON DELETE CASCADE,
    imported_at     timestamptz NOT NULL,
    PRIMARY KEY (enterprise_id, identity_group_id)
);

CREATE TABLE class_scope (
    enterprise_id   uuid NOT NULL REFERENCES enterprise,
    template_name   text COLLATE "C" NOT NULL,
    attribute       text COLLATE "C" NOT NULL,
    readable        text NOT NULL CONSTRAINT class_scope_readable_known CHECK (readable IN ('public', 'granted')),
    PRIMARY KEY (enterprise_id, template_name, attribute)
);
COMMENT ON TABLE class_scope IS 'which attributes of an enterprise''s identifiers of a template the public reads; * is every other one; without a row, public';
CREATE TABLE identifier_scope (
    prefix_id       integer NOT NULL,
    suffix_key      text COLLATE "C" NOT NULL,
    readable        text NOT NULL CONSTRAINT identifier_scope_readable_known CHECK (readable IN ('public', 'granted')),
    PRIMARY KEY (prefix_id, suffix_key)
);
COMMENT ON TABLE identifier_scope IS 'identifiers that do not follow their class; their grants are their own too';
CREATE FUNCTION hidden_indexes(holder uuid, holding integer, suffix text, data_template integer) RETURNS integer[]
    LANGUAGE sql STABLE AS $$
    SELECT array_agg((said->>'index')::integer)
    FROM template t CROSS JOIN jsonb_array_elements(t.definition->'attributes') AS said
    WHERE t.template_id = data_template AND coalesce(
        (SELECT s.readable FROM identifier_scope s WHERE s.prefix_id = holding AND s.suffix_key = suffix COLLATE "C"),
        (SELECT c.readable FROM class_scope c
         WHERE c.enterprise_id = holder AND c.template_name = t.name AND c.attribute = said->>'name' COLLATE "C"),
        (SELECT c.readable FROM class_scope c
         WHERE c.enterprise_id = holder AND c.template_name = t.name AND c.attribute = '*'),
        'public') = 'granted'
$$;
COMMENT ON FUNCTION hidden_indexes IS 'the values of an identifier that are not public, for the registry and the resolver';
CREATE TABLE data_grant (
    data_grant_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    enterprise_id   uuid NOT NULL REFERENCES enterprise,
    template_name   text COLLATE "C",
    attribute       text COLLATE "C",
    prefix_id       integer,
    suffix_key      text COLLATE "C",
    access          text NOT NULL CONSTRAINT data_grant_access_known CHECK (access IN ('read', 'write')),
    account_id      uuid REFERENCES application_identity,
    identity_group_id integer REFERENCES identity_group ON DELETE CASCADE,
    created_at      timestamptz NOT NULL,
    CONSTRAINT data_grant_one_grantee CHECK (num_nonnulls(account_id, identity_group_id) = 1),
    CONSTRAINT data_grant_class_or_one CHECK ((template_name IS NULL) = (prefix_id IS NOT NULL)
        AND (prefix_id IS NULL) = (suffix_key IS NULL) AND (attribute IS NULL OR template_name IS NOT NULL))
);
CREATE UNIQUE INDEX data_grant_unique ON data_grant
    (enterprise_id, template_name, attribute, prefix_id, suffix_key, access, account_id, identity_group_id)
    NULLS NOT DISTINCT;
CREATE INDEX data_grant_by_account ON data_grant (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX data_grant_by_group ON data_grant (identity_group_id) WHERE identity_group_id IS NOT NULL;
COMMENT ON TABLE data_grant IS 'who besides its owner reads or writes: a class (attribute null: all of it), or one identifier';

-- Accounts of SNMS ----------------------------------------------------------------------------------

ALTER TABLE account DROP CONSTRAINT account_enterprise_by_role,
    ADD CONSTRAINT account_enterprise_by_role
        CHECK (role = 'enterprise_user' OR (role = 'application') = (enterprise_id IS NOT NULL)),
    ADD COLUMN password_form text NOT NULL DEFAULT 'plain' CONSTRAINT account_password_form_known
        CHECK (password_form IN ('plain', 'sha256')),
    ADD COLUMN verifier bytea,
    ADD COLUMN personal bytea,
    ADD COLUMN email_digest bytea,
    ADD COLUMN mobile_digest bytea,
    ADD COLUMN remarks text NOT NULL DEFAULT '';
CREATE UNIQUE INDEX account_email_unique ON account (email_digest) WHERE email_digest IS NOT NULL;
CREATE UNIQUE INDEX account_mobile_unique ON account (mobile_digest) WHERE mobile_digest IS NOT NULL;
COMMENT ON COLUMN account.enterprise_id IS 'null for staff, and for an enterprise user whose enterprise is not entered yet';
COMMENT ON COLUMN account.password_form IS 'sha256: whoever made the account knew only the SHA-256 of its password';
COMMENT ON COLUMN account.verifier IS 'SHA-256 of the password, sealed for verifier:<account_id>: only where the ciphered login is on';
COMMENT ON COLUMN account.personal IS 'e-mail address and mobile number, sealed for account:<account_id>';

CREATE TABLE access_key (
    access_key      text COLLATE "C" PRIMARY KEY,
    account_id      uuid NOT NULL REFERENCES account,
    label           text NOT NULL DEFAULT '',
    secret_hash     bytea NOT NULL,
    verifier        bytea,
    created_at      timestamptz NOT NULL,
    revoked_at      timestamptz
);
CREATE INDEX access_key_by_account ON access_key (account_id, created_at);
COMMENT ON COLUMN access_key.secret_hash IS 'SHA-256 of access key, colon and secret key, which is random and shown once';
COMMENT ON COLUMN access_key.verifier IS 'SHA-256 of the secret key alone, sealed for verifier:<access_key>: as account.verifier';

-- Sign-in by key ------------------------------------------------------------------------------------

CREATE TABLE login_challenge (
    nonce_digest    bytea PRIMARY KEY CONSTRAINT login_challenge_digest_length CHECK (octet_length(nonce_digest) = 32),
    account_id      uuid NOT NULL REFERENCES application_identity,
    made_at         timestamptz NOT NULL
);
CREATE INDEX login_challenge_by_account ON login_challenge (account_id, made_at);
CREATE INDEX login_challenge_by_age ON login_challenge (made_at);
COMMENT ON TABLE login_challenge IS 'nonces that application identities may sign, each once and soon, known to every worker';

-- Contents of files and attachments -----------------------------------------------------------------

CREATE TABLE stored_content (
    content_key     text COLLATE "C" PRIMARY KEY,
    content         bytea NOT NULL
);
ALTER TABLE stored_content ALTER COLUMN content SET STORAGE EXTERNAL;
COMMENT ON TABLE stored_content IS 'contents of files and attachments, unless a store outside keeps them';
INSERT INTO stored_content (content_key, content)
SELECT DISTINCT ON (sha256) 'file/' || encode(sha256, 'hex'), content FROM file ORDER BY sha256, created_at;
ALTER TABLE file DROP COLUMN content,
    ADD COLUMN private boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN file.private IS 'read by its enterprise, and by whoever may read an attribute that names it';

CREATE TABLE attachment (
    attachment_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    path            text COLLATE "C" NOT NULL CONSTRAINT attachment_path_unique UNIQUE,
    account_id      uuid NOT NULL,
    enterprise_id   uuid,
    name            text NOT NULL,
    media_type      text NOT NULL,
    bytes           bigint NOT NULL,
    sha256          bytea NOT NULL CONSTRAINT attachment_digest_length CHECK (octet_length(sha256) = 32),
    bound_to        text,
    created_at      timestamptz NOT NULL,
    bound_at        timestamptz
);
CREATE INDEX attachment_by_enterprise ON attachment (enterprise_id, attachment_id);
CREATE INDEX attachment_unbound ON attachment (created_at) WHERE bound_to IS NULL;
COMMENT ON TABLE attachment IS '附件: images of certificates and contracts, sealed, for those who review';
COMMENT ON COLUMN attachment.bound_to IS 'what it belongs to, such as licence_image of its enterprise: bound once';

-- Quotas, plans, orders, statements -----------------------------------------------------------------

CREATE TABLE prefix_quota (
    prefix_id       integer PRIMARY KEY CONSTRAINT prefix_quota_prefix_known REFERENCES prefix,
    identifiers     bigint CONSTRAINT prefix_quota_identifiers_positive CHECK (identifiers >= 0),
    daily_registrations bigint CONSTRAINT prefix_quota_daily_positive CHECK (daily_registrations >= 0),
    registered      bigint NOT NULL DEFAULT 0,
    day             date,
    registered_today bigint NOT NULL DEFAULT 0,
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);
COMMENT ON TABLE prefix_quota IS 'how much may be registered under a prefix; without a row, anything';

CREATE TABLE fee_plan (
    fee_plan_id     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name            text NOT NULL CONSTRAINT fee_plan_name_unique UNIQUE,
    definition      jsonb NOT NULL,
    state           text NOT NULL CONSTRAINT fee_plan_state_known CHECK (state IN ('draft', 'offered', 'withdrawn')),
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);
CREATE TABLE plan_order (
    plan_order_id   uuid PRIMARY KEY,
    enterprise_id   uuid NOT NULL REFERENCES enterprise,
    fee_plan_id     integer NOT NULL CONSTRAINT plan_order_plan_known REFERENCES fee_plan,
    terms           jsonb NOT NULL,
    state           text NOT NULL CONSTRAINT plan_order_state_known
                    CHECK (state IN ('placed', 'confirmed', 'cancelled', 'ended')),
    begins_on       date NOT NULL,
    ends_on         date NOT NULL,
    reason          text NOT NULL DEFAULT '',
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);
CREATE INDEX plan_order_by_enterprise ON plan_order (enterprise_id, plan_order_id);
CREATE TABLE usage_statement (
    enterprise_id   uuid NOT NULL REFERENCES enterprise,
    month           date NOT NULL,
    content         jsonb NOT NULL,
    drawn_up_at     timestamptz NOT NULL,
    PRIMARY KEY (enterprise_id, month)
);
CREATE TRIGGER usage_statement_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_statement
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();

-- Service requests and complaints -------------------------------------------------------------------

CREATE TABLE service_request (
    service_request_id uuid PRIMARY KEY,
    number          text NOT NULL CONSTRAINT service_request_number_unique UNIQUE,
    kind            text NOT NULL CONSTRAINT service_request_kind_known CHECK (kind IN ('service', 'complaint')),
    enterprise_id   uuid REFERENCES enterprise,
    account_id      uuid,
    subject         text NOT NULL,
    about           text NOT NULL DEFAULT '',
    contact         bytea,
    query_digest    bytea,
    state           text NOT NULL CONSTRAINT service_request_state_known
                    CHECK (state IN ('open', 'in_progress', 'answered', 'closed')),
    due_at          timestamptz NOT NULL,
    answered_at     timestamptz,
    handled_by      uuid,
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);
CREATE INDEX service_request_by_state ON service_request (state, due_at);
CREATE INDEX service_request_by_enterprise ON service_request (enterprise_id, service_request_id);
COMMENT ON COLUMN service_request.contact IS 'how to reach whoever has no account, sealed for service_request:<id>';
COMMENT ON COLUMN service_request.query_digest IS 'of the code by which whoever has no account looks at it again';
CREATE TABLE service_request_entry (
    service_request_entry_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service_request_id uuid NOT NULL REFERENCES service_request,
    account_id      uuid,
    said            text NOT NULL,
    internal        boolean NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL
);
CREATE INDEX service_request_entry_by_request ON service_request_entry (service_request_id, service_request_entry_id);

-- Rights --------------------------------------------------------------------------------------------

CREATE TRIGGER identity_check_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON identity_check
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();

GRANT SELECT, INSERT, UPDATE ON review, numbering_plan, numbering_serial, prefix_transfer, notification, template_alias,
    template_category, document, announcement, application_identity, identity_group, access_key, attachment,
    prefix_quota, fee_plan, plan_order, service_request TO biaoshi_writer;
GRANT SELECT, INSERT ON usage_statement TO biaoshi_writer;
GRANT DELETE ON prefix_quota TO biaoshi_writer;
GRANT SELECT, INSERT ON validity_reminder, identity_check, service_request_entry TO biaoshi_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON class_scope, identifier_scope, identity_group_import TO biaoshi_writer;
GRANT SELECT, INSERT, DELETE ON stored_content, reserved_number, template_grant, identity_group_member,
    data_grant, template_alias, login_challenge TO biaoshi_writer;
GRANT UPDATE ON file TO biaoshi_writer;
GRANT DELETE ON template, identity_group, attachment, template_category TO biaoshi_writer;
GRANT SELECT ON class_scope, identifier_scope, document, announcement, prefix_handle TO biaoshi_reader;
