"""The parts of the interface for what is large, put before a desk: files and standby records."""

from __future__ import annotations

from node.national.bulk import FILES, LARGEST_FILE, LARGEST_PAGE, STANDBY
from node.upper.desk import UpperDesk
from node.upper.files import put_file
from node.upper.standby import put_standby, tell_standby


def mount_bulk(desk: UpperDesk) -> None:
    """``files`` and ``standby``; what is not among the desk's parts is not answered."""
    desk.mount("files", "PUT", f"{FILES}/{{sha256}}", put_file, largest=LARGEST_FILE)
    desk.mount("standby", "GET", STANDBY, tell_standby)
    desk.mount("standby", "PUT", STANDBY, put_standby, largest=LARGEST_PAGE)
