"""Search: any combination of filters over millions of identifiers, each request with a bounded amount of work.

filters.py       what is asked                                        conditions.py  conditions on attributes
plan.py          which index is walked                                walks.py       walking it
search.py        pages, keys for bulk work, honest counts
"""
