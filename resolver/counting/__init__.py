"""Counting resolutions: each once, after its answer left, in counters that outlive the process and in an event file.

``counter.py`` is what the fronts call. It books into ``totals.py`` (mapped counters by minute, prefix, interface and
outcome) and ``event_file.py`` (one record each, ``event_format.py``). ``adoption.py`` takes up what a killed process
left behind, ``sealing.py`` closes event files, ``reading.py`` gives their events back.
"""
