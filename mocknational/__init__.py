"""模拟国家顶级节点 · the mock national top-level node: the far side of the interface, for demos and tests.

mock.py          one running mock, put together           store.py         its database and keys
effects.py       what it does beside every upper side      verification.py  its judgement on prefixes
delegations.py   who answers for a name                    recursion.py     what it says about that, port 3641
handle_server.py TCP and UDP of that port                  takeover.py      answering in the place of a node
canaries.py      resolutions that reports have to show     faults.py        its bad days
loopback.py      page and hands, from this machine only    page.py          what a browser sees
"""
