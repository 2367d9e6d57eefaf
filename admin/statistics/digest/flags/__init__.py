"""What makes resolutions conspicuous (docs/counting.md, "flags"): each file finds the rows of one kind.

Flagged resolutions stay in every figure; their number is shown beside it. A kind is a function of a day and a rule,
so that a recount finds the same ones. ``table.py`` names them all.
"""
