"""The desk: pages for people.

pages.py     the node's front page and the interface documentation, both working offline
documents.py the public pages of what the node has published
templates/   Jinja2, autoescaped      static/   style sheets; vendor/ holds third-party files with their licences
"""
