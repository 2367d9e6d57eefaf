-- The queue of reviews, as reviewers see it.

-- name: list_reviews
-- By keyset in the order of opening: one state or all that is open, of one kind, one enterprise, one claimant; or what
-- a reviewer ($8) may approve: reserved for nobody else, and not approved by the same person already.
SELECT r.review_id, r.subject_kind, r.subject_id, r.enterprise_id, e.name AS enterprise_name,
       p.prefix, r.occasion, r.state, r.claimed_by, r.claimed_until,
       r.first_approval_by, r.first_approval_at, r.outcome, r.reasons, r.decided_by, r.opened_at, r.decided_at,
       claimant.name AS claimed_by_name, approver.name AS first_approval_by_name, decider.name AS decided_by_name
FROM review r
JOIN enterprise e ON e.enterprise_id = r.enterprise_id
LEFT JOIN account claimant ON claimant.account_id = r.claimed_by
LEFT JOIN account approver ON approver.account_id = r.first_approval_by
LEFT JOIN account decider ON decider.account_id = r.decided_by
LEFT JOIN prefix_transfer t ON t.prefix_transfer_id = CASE WHEN r.subject_kind = 'transfer' THEN r.subject_id::uuid END
LEFT JOIN prefix p ON p.prefix_id
    = CASE WHEN r.subject_kind IN ('prefix', 'hosting') THEN r.subject_id::integer ELSE t.prefix_id END
WHERE r.review_id > $1
      AND CASE WHEN $2::text IS NULL THEN r.state <> 'decided' ELSE r.state = $2 END
      AND ($3::text IS NULL OR r.subject_kind = $3)
      AND ($4::uuid IS NULL OR r.enterprise_id = $4)
      AND ($5::uuid IS NULL OR (r.claimed_by = $5 AND r.claimed_until > $6))
      AND ($8::uuid IS NULL
           OR ((r.claimed_by IS NULL OR r.claimed_by = $8 OR r.claimed_until <= $6)
               AND r.first_approval_by IS DISTINCT FROM $8))
ORDER BY r.review_id
LIMIT $7

-- name: find_review
-- One review, in whatever state.
SELECT r.review_id, r.subject_kind, r.subject_id, r.enterprise_id, e.name AS enterprise_name,
       p.prefix, r.occasion, r.state, r.claimed_by, r.claimed_until,
       r.first_approval_by, r.first_approval_at, r.outcome, r.reasons, r.decided_by, r.opened_at, r.decided_at,
       claimant.name AS claimed_by_name, approver.name AS first_approval_by_name, decider.name AS decided_by_name
FROM review r
JOIN enterprise e ON e.enterprise_id = r.enterprise_id
LEFT JOIN account claimant ON claimant.account_id = r.claimed_by
LEFT JOIN account approver ON approver.account_id = r.first_approval_by
LEFT JOIN account decider ON decider.account_id = r.decided_by
LEFT JOIN prefix_transfer t ON t.prefix_transfer_id = CASE WHEN r.subject_kind = 'transfer' THEN r.subject_id::uuid END
LEFT JOIN prefix p ON p.prefix_id
    = CASE WHEN r.subject_kind IN ('prefix', 'hosting') THEN r.subject_id::integer ELSE t.prefix_id END
WHERE r.review_id = $1

-- name: facts_of_enterprise
-- What a review of an enterprise is about, as far as it names no person.
SELECT name, name_en, credit_code, other_certificate, division_code, industry_code, address, website, state, version,
       valid_until
FROM enterprise
WHERE enterprise_id = $1

-- name: facts_of_prefix
-- What a review of an application for a prefix or for its hosting is about.
SELECT p.prefix, p.state, p.purpose, p.hosting, p.with_enterprise, p.version, e.name AS enterprise_name,
       e.state AS enterprise_state
FROM prefix p
JOIN enterprise e ON e.enterprise_id = p.enterprise_id
WHERE p.prefix_id = $1

-- name: facts_of_transfer
-- What a review of a transfer is about: from whom to whom.
SELECT p.prefix, p.state AS prefix_state, t.state, t.reason, t.version, giver.name AS from_enterprise,
       giver.enterprise_id AS from_enterprise_id, receiver.name AS to_enterprise,
       receiver.enterprise_id AS to_enterprise_id, receiver.state AS to_enterprise_state
FROM prefix_transfer t
JOIN prefix p ON p.prefix_id = t.prefix_id
JOIN enterprise giver ON giver.enterprise_id = t.from_enterprise_id
JOIN enterprise receiver ON receiver.enterprise_id = t.to_enterprise_id
WHERE t.prefix_transfer_id = $1

-- name: lock_review
-- For claiming and releasing.
SELECT state, claimed_by, claimed_until, first_approval_by FROM review WHERE review_id = $1 FOR UPDATE

-- name: claim_review
-- Reserved for one reviewer, or for nobody any more.
UPDATE review SET claimed_by = $2, claimed_until = $3 WHERE review_id = $1

-- name: identity_to_check
-- What verifiers are asked about; what names people is sealed.
SELECT enterprise_id, name, credit_code, other_certificate, profile, personal FROM enterprise WHERE enterprise_id = $1

-- name: add_identity_check
-- What a verifier said; never changed.
INSERT INTO identity_check (review_id, verifier, account_id, outcome, findings, checked_at)
VALUES ($1, $2, $3, $4, $5::jsonb, $6)
RETURNING identity_check_id

-- name: checks_of_review
-- Newest first; a reviewer asks a few times at most.
SELECT identity_check_id, verifier, account_id, outcome, findings, checked_at
FROM identity_check
WHERE review_id = $1
ORDER BY identity_check_id DESC
LIMIT 100
