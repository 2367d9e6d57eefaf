"""Column mappings (列映射): which columns of an input become the suffix and the attributes, and how.

definition.py    what a mapping says, all its faults together         mapping.py  compiled for tables and objects
rows.py          one row taken apart                                  transforms.py, date_formats.py  its cells
stored.py        the mappings an enterprise keeps
"""
