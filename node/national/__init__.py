"""Docking with the national top-level node (国家顶级节点): what goes up, what comes back.

Read in this order:

    messages.py    the shapes on the wire, version 1              signature.py   who speaks: AccessKey, SecretKey
    outbox.py      messages waiting, in the order of each stream  delivery.py    one round of sending them
    client.py      one question, one answer, what went wrong      backoff.py     how long to leave it alone
    counts.py      what there is to say about a day               verdicts.py    what was decided about our prefixes
    leadership.py  one steward of many is at work                 steward.py     the loops: deliver, beat, count, poll

    mock.py        模拟国家顶级节点: the far side as a process of its own, for demos and tests
    mock_store.py  what it keeps and applies                      mock_verification.py  its judgement
    mock_faults.py its bad days                                   mock_page.py   what a browser sees of it

A business transaction writes its message with ``node.journal``; nothing here is called by it. The steward reads
what has been committed, delivers at least once, and the far side applies each ``message_id`` once. Both sides
share ``messages.py`` and ``signature.py`` and nothing else; another implementation of the national node needs
``docs/national-interface.md`` only.
"""
