"""zstd frames in one piece and in many, bounded and checked."""

from __future__ import annotations

import hashlib
import random

import pytest

from node.packing import Packer, PackingDamaged, Unpacker, digest_unpacked, packed, unpacked

CONTENT = b"".join(f"line {number}\n".encode() for number in range(200_000))


def in_pieces(content: bytes, size: int) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]


def test_a_frame_made_piece_by_piece_is_a_frame() -> None:
    packer = Packer()
    frame = b"".join([packer.add(piece) for piece in in_pieces(CONTENT, 777)]) + packer.finish()
    assert unpacked(frame, len(CONTENT)) == CONTENT
    assert unpacked(packed(CONTENT), len(CONTENT)) == CONTENT


@pytest.mark.parametrize("size", [1, 1000, 1 << 24])
def test_a_frame_is_read_in_pieces_of_any_size(size: int) -> None:
    frame = packed(CONTENT[:20_000] if size == 1 else CONTENT)
    unpacker = Unpacker()
    found = [part for piece in in_pieces(frame, size) for part in unpacker.add(piece)]
    unpacker.finish()
    assert b"".join(found) == unpacked(frame, len(CONTENT))
    assert max(len(part) for part in found) <= 1 << 20


def test_a_frame_that_unpacks_to_more_than_allowed_is_refused() -> None:
    bomb = packed(bytes(50 << 20))
    for read in (unpacked, digest_unpacked):
        with pytest.raises(PackingDamaged):
            read(bomb, 1 << 20)
    assert digest_unpacked(bomb, 50 << 20) == hashlib.sha256(bytes(50 << 20)).digest()


def test_a_cut_changed_or_continued_frame_is_found_out() -> None:
    frame = packed(CONTENT)
    changed = bytearray(frame)
    changed[random.Random(1).randrange(len(frame) // 4, len(frame) // 2)] ^= 0xFF
    for damaged in (frame[:-1], bytes(changed), frame + b"x", b"no frame at all", b""):
        with pytest.raises(PackingDamaged):
            unpacked(damaged, len(CONTENT))
        with pytest.raises(PackingDamaged):
            digest_unpacked(damaged, len(CONTENT))
        with pytest.raises(PackingDamaged):
            read_through(damaged)


def read_through(frame: bytes) -> None:
    unpacker = Unpacker()
    for piece in in_pieces(frame, 1000):
        for _ in unpacker.add(piece):
            continue
    unpacker.finish()
