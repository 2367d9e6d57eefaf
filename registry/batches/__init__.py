"""Bulk work (批量): an operation on the rows of a body, on what a search selects, or on what a batch did.

request.py       what is asked: operation, prefix, form, mapping      confirmation.py  sealed by a preview
body.py          octets compared with those sent before under a key   confirmed_body.py  with those previewed
work.py          the chunk loop: read and check, write the chunk before meanwhile, stop when told to
rows.py          what a chunk is; row_registrations, row_changes, row_restores: rows of each operation
by_body.py       use cases with a body                                by_query.py      with a search, and undoing
selection.py     the chunks of a search or of history                 preview.py, trial.py  without writing
store.py         batches and rejections in the database               progress.py      watching them
"""
