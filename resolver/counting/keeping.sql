-- The register of sealed event files (as biaoshi_writer).

-- name: register_segment
-- Once: of a file that was sealed again after a crash the first registration stays.
INSERT INTO evidence_segment
    (boot_id, number, recorder_id, day, sha256, bytes, events, first_at, last_at, sealed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (boot_id, number) DO NOTHING

-- name: registered_segment
-- Whether a file was sealed before, and what it was then.
SELECT boot_id, number, recorder_id, day, sha256, bytes, events, first_at, last_at, sealed_at
FROM evidence_segment
WHERE boot_id = $1 AND number = $2

-- name: registered_segments
-- Of one folder and a range of days, both included.
SELECT boot_id, number, recorder_id, day, sha256, bytes, events, first_at, last_at, sealed_at
FROM evidence_segment
WHERE recorder_id = $1 AND day BETWEEN $2 AND $3
ORDER BY day, first_at, boot_id, number

-- name: segments_of_boot
-- What one process start had sealed that may hold events from one moment to another.
SELECT boot_id, number, recorder_id, day, sha256, bytes, events, first_at, last_at, sealed_at
FROM evidence_segment
WHERE boot_id = $1 AND first_at <= $3 AND last_at >= $2
ORDER BY number
