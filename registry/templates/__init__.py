"""Data templates (数据模板): which attributes identifiers have, and how their values become records.

template.py      a template that makes sense                          definition_faults.py  what does not
attributes.py    one attribute                                        value_rules.py, arrays.py, units.py, patterns.py
encoder.py       values to records, the inner loop                    record_pieces.py  records taken apart
stored.py        draft, published, withdrawn, next versions
"""
