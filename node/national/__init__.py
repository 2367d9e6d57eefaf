"""Docking with the node above: what goes up, what comes back.

That is the national top-level node (国家顶级节点), or the secondary node of an enterprise node.

Read in this order. What travels, shared with the upper side (``node.upper``):

    messages.py      reports, counts, verdicts, heartbeats          signature.py  who speaks: AccessKey, SecretKey
    access.py        applying for access, key pairs                 instructions.py  what it tells us to do
    bulk.py          files and standby records                      log_lines.py  what stands in log files

and how this side goes about it:

    docking.py       where the node above is, a client to it        transport.py  TLS in both directions
    credentials.py   our key pairs, replaced without a gap          admission.py  applying until there is one
    client.py        one question, one answer, what went wrong      link.py       whether it answers at all
    outbox.py        messages waiting, in the order of each stream  delivery.py   one round of sending them
    counts.py        hours and days until they are acknowledged     verdicts.py   what was decided about our prefixes
    route.py         where this node answers                        backoff.py    how long to leave something alone
    leadership.py    one steward of many is at work                 steward.py    its loops, for ever
    desk.py          one turn of each of them                       duties.py     what others bring to be done
    view.py          what operators see of it all

A business transaction writes its message with ``node.journal``; nothing here is called by it. The steward reads
what has been committed, delivers at least once, and the far side applies each ``message_id`` once. Another
implementation of the far side needs ``docs/national-interface.md`` only.
"""
