-- Sealed event files that are to be told as log files (as biaoshi_writer).

-- name: waiting_segment
-- The first one of a folder but for those that could not be read.
SELECT boot_id, number FROM segment_to_log
WHERE recorder_id = $1 AND NOT EXISTS (
    SELECT FROM unnest($2::uuid[], $3::integer[]) AS known (boot_id, number)
    WHERE (known.boot_id, known.number) = (segment_to_log.boot_id, segment_to_log.number))
ORDER BY arrival LIMIT 1

-- name: take_segment
-- Its log file is registered.
DELETE FROM segment_to_log WHERE boot_id = $1 AND number = $2

-- name: give_segment_back
-- Another one took its place in the chain of log files.
INSERT INTO segment_to_log (recorder_id, boot_id, number)
SELECT recorder_id, boot_id, number FROM evidence_segment WHERE boot_id = $1 AND number = $2
ON CONFLICT DO NOTHING
