"""How the node is: what waits for somebody, what went wrong, what its processes measured."""
