"""Data templates (数据模板): which attributes identifiers have, and how their values become records.

template.py      a template that makes sense                          definition_faults.py  what does not
attributes.py    one attribute                                        value_rules.py, arrays.py, units.py, patterns.py
media.py         what files must be                                   display.py        how the public page shows them
encoder.py       values to records, the inner loop                    record_pieces.py  records taken apart
beside.py        what stands beside a record                          free_values.py    what no template judges
editions.py      the rows                                             stored.py         the use cases
next_edition.py  changing what is published                           removal.py        going, or withdrawal
copies.py        one's own from another's                             grants.py         for other enterprises
named_files.py   whether files are what attributes demand             aliases.py        names in SNMS and IDHub
"""
