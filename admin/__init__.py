"""The desk: pages for people.

pages.py     the node's front page and the interface documentation, both working offline
templates/   Jinja2, autoescaped      static/   style sheets; vendor/ holds third-party files with their licences
"""
