"""The load test of the acceptance criteria: days of resolutions and writes, sent by locust, checked, counted twice.

``plan.py`` draws a day: who asks for what, when. ``ledger.py`` is the clients' own account of it. ``doors.py`` has
their sockets, ``answers.py`` what an answer must hold, ``locustfile.py`` and ``desk.py`` the users who go by the
laboratory clock (only locust imports these two: gevent changes the sockets of its process). ``ground.py`` makes the
node and its stock,
``comparing.py`` sets the ledger beside the node's closed days and acceptance, ``report.py`` draws both.
``loadtest/load_test.py`` is the verb.
"""
