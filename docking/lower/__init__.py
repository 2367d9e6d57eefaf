"""Cases against a lower side that reports to the test's examiner (``docking/examiner.py``)."""
