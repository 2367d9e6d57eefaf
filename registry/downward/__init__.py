"""Nodes of enterprises below this one: what they report, what goes on upward, what is passed on to them.

access        who is let in: an application fits the prefix as it is held here
ending        who is let in no longer, after a transfer
effects       what a report from below does here, beside what it does at every upper side
passing_up    registrations, templates and log manifests of a node below, as reports of ours about it
below         the counts of nodes below, stated upward
passing_down  suspension, resumption and blocking, as instructions; verification of the prefix
nodes         applications, nodes, keys and instructions, for the node's staff
desk          the interface at ``/docking``
"""
