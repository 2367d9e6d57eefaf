-- Packages of escrow on their way to the node above (as biaoshi_writer).

-- name: lock_packages
-- One delivery at a time gives numbers.
LOCK TABLE escrow_package IN SHARE ROW EXCLUSIVE MODE

-- name: package_receipt
-- What was sent of a package, and what came back.
SELECT receipt::text AS receipt FROM escrow_package WHERE package_id = $1

-- name: package_on_its_way
-- The files of the chain go in a row: who began is delivered to the end first.
SELECT package_id FROM escrow_package WHERE receipt IS NOT NULL AND receipt->>'delivered_at' IS NULL LIMIT 1

-- name: last_escrow_file
-- The newest number in the chain of files.
SELECT coalesce(max((file->>'number')::bigint), 0)
FROM escrow_package CROSS JOIN LATERAL jsonb_array_elements(receipt->'files') AS file

-- name: escrow_file_digest
-- What the first file of a package follows.
SELECT file->>'sha256'
FROM escrow_package CROSS JOIN LATERAL jsonb_array_elements(receipt->'files') AS file
WHERE (file->>'number')::bigint = $1

-- name: keep_package_receipt
-- Numbers before a file is sent, receipts after it.
UPDATE escrow_package SET receipt = $2::text::jsonb WHERE package_id = $1
