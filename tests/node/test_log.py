"""Logs: one JSON object a line, and no secret in a traceback."""

from __future__ import annotations

import json
import subprocess
import sys

_PROGRAM = """
import logging, structlog
from node.log import configure
configure("info")
def fail():
    password = "canary-of-a-password"
    raise ValueError("bad\\nnews \\x1b[31m")
log = structlog.get_logger("test")
log.info("said", name="泵", answer=42)
for complain in (log.exception, logging.getLogger("library").exception):
    try:
        fail()
    except ValueError:
        complain("failed")
"""


def logged() -> list[str]:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    return done.stderr.splitlines()


def test_every_event_is_one_json_line_with_time_and_level() -> None:
    lines = [json.loads(line) for line in logged()]
    assert [line["level"] for line in lines] == ["info", "error", "error"]
    assert lines[0]["name"] == "泵"
    assert lines[0]["answer"] == 42
    assert all(line["timestamp"].endswith("Z") for line in lines)
    assert lines[1]["exception"][0]["exc_type"] == "ValueError"


def test_a_traceback_names_places_and_not_the_values_of_variables() -> None:
    text = "\n".join(logged())
    assert "canary-of-a-password" not in text
    assert "fail" in text
