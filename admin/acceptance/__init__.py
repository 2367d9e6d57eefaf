"""Acceptance (验收指标): what a place asks of a node, what the node has, and when it will have it.

profiles.py     criteria as data files: those that ship in ``data/``, and one's own
book.py         the days of a node as they were counted and closed, read once for an evaluation
figures.py      every figure that a criterion can name, out of the book
forecast.py     when a rising series reaches a threshold, and how sure that is
evaluation.py   a profile judged at a date
acceptance.py   the use case; routes.py and printing.py show the same evaluation
"""
