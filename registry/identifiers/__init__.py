"""Identifiers: registered, changed, suspended, deleted, undone; one path for one and for thousands.

identifiers.py   single use cases                                     state.py    live, deleted, suspended
writing.py       new rows with all that belongs to them               registering.py  single ones together
changes.py       changes by the thousand                              revisions.py  what each row becomes
rewriting.py     writing what became                                  unique_claims.py  who keeps a unique value
leaves.py        their entries of the transparency log
"""
