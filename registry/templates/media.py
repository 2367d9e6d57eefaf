"""What an attribute of the kind file demands of its files: sound, film or picture, and which suffixes.

A file is told by its media type, which was checked against its first octets when it came, and by the end of its name
(snms-api 12.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


class Media(StrEnum):
    AUDIO = "audio"
    VIDEO = "video"
    IMAGE = "image"


MAX_SUFFIXES = 50
MAX_SUFFIX = 16


def is_media(media: Media, media_type: str, name: str) -> bool:
    """Whether a file of this media type and name is one. An MP4 file may hold sound alone."""
    if media is Media.AUDIO and media_type == "video/mp4":
        return suffix_of(name) == "mp4"
    return media_type.startswith(f"{media}/")


def has_suffix(suffixes: Sequence[str], name: str) -> bool:
    """Whether the file's name ends in one of these; case does not matter."""
    return suffix_of(name) in {suffix.lower() for suffix in suffixes}


def suffix_of(name: str) -> str:
    """The part of a file's name behind its last dot, in lower case; empty if there is none."""
    _, dot, suffix = name.rpartition(".")
    return suffix.lower() if dot else ""
