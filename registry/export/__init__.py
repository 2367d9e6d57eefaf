"""Export and restore: everything below a prefix as files, and back into another node unchanged.

pages.py         identifiers page by page                             row.py      one of them in words
forms.py         NDJSON, CSV, XLSX                                    exports.py  overview, positions, increments
restored_rows.py rows read back                                       restore.py  written as they were
"""
