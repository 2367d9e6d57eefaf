"""Cases against an upper side: the test plays a lower node (``docking/node_below.py``) by the upper's address."""
