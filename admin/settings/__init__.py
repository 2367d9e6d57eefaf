"""The settings that are in force (设置), to look at: where each came from, secrets masked, what the node is made of.

effective.py  settings by group     libraries.py  what is installed     node_facts.py, routes.py  ``/v1/settings``
"""
