"""The docking test: whether an implementation of the national interface, upper or lower side, keeps to it.

It knows the interface by its shapes, its signature and the bytes of the Handle protocol, and nothing of how our own
sides keep what they hear. Read in this order:

    case.py         what a case is, its outcomes, how cases are tried
    report.py       what was found, as a table and as JSON; page.py as a page

    node_below.py   the lower node that the test plays, reports.py what it reports, raw_http.py its worst requests
    upper/          the cases against an upper, a file for each group

    examiner.py     the upper that the test plays: what its cases see and say
    desk.py         its HTTP server, memory.py what it knows, arrivals.py what came, doors.py its certificates
    lower/          the cases against a lower

    handle_port.py  questions to a port of the Handle protocol, for both

What was watched all the while is told by cases that come last. ``docs/docking-test.md`` is for who runs the test.
"""
