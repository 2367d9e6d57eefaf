"""The audit trail (审计日志): everything that happened at the node, from the two tables of history, newest first.

entries.py  what an entry is, and what is asked for     walking.py  back through one table, a stretch at a time
question.py one page of both tables                     trail.py    the use cases
leaf.py     the leaf that commits to an entry
views.py, table.py, routes.py   as answers of ``/v1/audit``
"""
