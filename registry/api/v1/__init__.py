"""The node's own REST interface, ``/v1``: one module of routes per noun, declared as ``node.routes.Route``.

To add a route, add it to the list of its noun's module; ``routes.all_routes`` is everything served under /v1.
"""
