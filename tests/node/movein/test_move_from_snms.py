"""Identifiers move from one node to another through SNMS, whatever fails on the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.movein import PREFIX, Line, MoveIn, problems, resolved
from tests.support.node import PASSWORD, Node
from tests.support.snms import DATA, DONE, TEMPLATE, Snms, identifier, valve

USER = "enterprise_user"
HANDLES = [f"{PREFIX}/V-{number:02}" for number in range(20)]
CHINA_TIMES = "2026-11-21 17:30:00", "2026-11-21 19:30:00"


@pytest.fixture
async def snms(old: Node) -> Snms:
    """The old node's interface, with twenty valves of which the last has changed since."""
    snms = Snms(old, old.tokens[USER])
    assert await snms("POST", TEMPLATE, valve()) == DONE
    rows = [identifier(f"V-{number:02}", f"闸阀 {number}") for number in range(len(HANDLES))]
    assert (await snms("POST", f"{DATA}/batchCreate", rows)).status == 1
    old.world.clock.advance(hours=2)
    assert await snms("PUT", DATA, identifier("V-19", "球阀")) == DONE
    return snms


def words(line: Line, folder: Path, handles: Path) -> list[object]:
    return ["snms", "--from", line.url, "--user", USER, "--prefix", PREFIX, "--handles", handles, "--out", folder]


def with_times(tmp_path: Path) -> Path:
    registered, updated = CHINA_TIMES
    rows = [f"{one},{registered},{registered}" for one in HANDLES[:-1]]
    file = tmp_path / "handles.csv"
    file.write_text("\n".join(["handle,registered_at,updated_at", *rows, f"{HANDLES[-1]},{registered},{updated}"]))
    return file


async def facts(node: Node, handle: str) -> tuple[str, str, str, int]:
    answer = (await node("GET", f"/v1/identifiers/{handle}")).json
    return answer["identifier"], answer["registered_at"], answer["updated_at"], answer["version"]


async def test_identifiers_stand_here_as_they_stood_there(
    old: Node, new: Node, snms: Snms, line: Line, move_in: MoveIn, tmp_path: Path
) -> None:
    file, folder = with_times(tmp_path), tmp_path / "move"
    file.write_text(file.read_text().replace("/V-03,", "/v-03,"))
    ended = await move_in(*words(line, folder, file), password=PASSWORD)
    assert ended.status == 0, ended.err
    assert (ended.report["registered"], ended.report["problems"]) == (20, 0)
    for handle in HANDLES:
        assert await resolved(new, handle) == await resolved(old, handle)
        assert (await facts(new, handle))[:3] == (await facts(old, handle))[:3]
    assert (await facts(new, HANDLES[-1]))[1:3] == ("2026-11-21T09:30:00Z", "2026-11-21T11:30:00Z")
    asked = {"prefix": PREFIX, "version": "valve-1"}
    there, here = [await Snms(node, node.tokens[USER])("GET", TEMPLATE, **asked) for node in (old, new)]
    assert {**here.data, "id": 0} == {**there.data, "id": 0}


async def test_the_same_again_asks_for_nothing_and_changes_nothing(
    new: Node, snms: Snms, line: Line, move_in: MoveIn, tmp_path: Path
) -> None:
    file, folder = with_times(tmp_path), tmp_path / "move"
    fetched = await move_in(*words(line, folder, file), "--fetch-only", password=PASSWORD)
    assert (fetched.status, fetched.report["fetched"], fetched.report["registered"]) == (0, 20, 0)
    assert (await new("GET", f"/v1/identifiers/{HANDLES[0]}")).status == 404
    first = await move_in(*words(line, folder, file), password=PASSWORD)
    again = await move_in(*words(line, folder, file), password=PASSWORD)
    assert first.report["registered"] == 20
    assert again.report == first.report, "the same batch is answered again"
    assert line.asked[f"{DATA}/detail"] == 20
    file.write_text(file.read_text() + f"\n{PREFIX}/V-99,{CHINA_TIMES[0]},\n")
    assert await snms("POST", DATA, identifier("V-99")) == DONE
    more = await move_in(*words(line, folder, file), password=PASSWORD)
    assert (more.report["registered"], more.report["unchanged"]) == (1, 20)
    assert line.asked[f"{DATA}/detail"] == 21
    assert {(await facts(new, handle))[3] for handle in HANDLES} == {1}


async def test_identifiers_without_times_are_registered(
    old: Node, new: Node, snms: Snms, line: Line, move_in: MoveIn, tmp_path: Path
) -> None:
    file = tmp_path / "handles.txt"
    file.write_text("\n".join(HANDLES))
    ended = await move_in(*words(line, tmp_path / "move", file), password=PASSWORD, by=USER)
    assert (ended.status, ended.report["registered"]) == (0, 20), ended.err
    assert await resolved(new, HANDLES[7]) == await resolved(old, HANDLES[7])
    assert (await facts(new, HANDLES[7]))[1] == "2026-11-21T19:30:00Z"


async def test_an_old_node_that_is_busy_or_loses_its_line_is_asked_again(
    new: Node, snms: Snms, line: Line, move_in: MoveIn, tmp_path: Path
) -> None:
    line.failures[:] = ["504", "lost", "", "504", "lost", "504", "", "lost", "signed_out"]
    ended = await move_in(*words(line, tmp_path / "move", with_times(tmp_path)), password=PASSWORD)
    assert (ended.status, ended.report["registered"]) == (0, 20), ended.err
    assert line.failures == []


async def test_what_cannot_be_moved_is_told_and_everything_else_moves(
    new: Node, snms: Snms, line: Line, move_in: MoveIn, tmp_path: Path
) -> None:
    assert await Snms(new, new.tokens[USER])("POST", TEMPLATE, valve()) == DONE
    assert await Snms(new, new.tokens[USER])("POST", DATA, identifier("V-05", "别的")) == DONE
    file, folder = with_times(tmp_path), tmp_path / "move"
    rows = [f"{PREFIX}/NONE,,", "88.101.2002/X,,", "nonsense,,"]
    file.write_text("\n".join([*file.read_text().splitlines(), *rows]))
    line.failures[:] = ["", "html"]
    ended = await move_in(*words(line, folder, file), password=PASSWORD)
    assert (ended.status, ended.report["registered"], ended.report["finished"]) == (2, 18, True)
    told = problems(folder)
    odd = next(handle for handle, code in told if code == "peer_strange")
    assert sorted(told) == sorted([
        (f"{PREFIX}/NONE", "identifier_absent"), ("88.101.2002/X", "not_of_prefix"),
        ("nonsense", "invalid_identifier"), (odd, "peer_strange"), (HANDLES[5], "identifier_exists"),
    ])  # fmt: skip
    again = await move_in(*words(line, folder, file), password=PASSWORD)
    assert (again.report["registered"], again.report["unchanged"]) == (1, 18)
    assert (HANDLES[5], "identifier_exists") in problems(folder)
    assert len(problems(folder)) == 4


async def test_what_was_rejected_moves_once_the_reason_is_gone(
    new: Node, snms: Snms, line: Line, move_in: MoveIn, tmp_path: Path
) -> None:
    here = Snms(new, new.tokens[USER])
    assert await here("POST", TEMPLATE, valve()) == DONE
    assert await here("POST", DATA, identifier("V-05", "别的")) == DONE
    file = tmp_path / "handles.txt"
    file.write_text("\n".join(HANDLES))
    ended = await move_in(*words(line, tmp_path / "move", file), password=PASSWORD)
    assert (ended.status, problems(tmp_path / "move")) == (2, [(HANDLES[5], "identifier_exists")])
    assert await here("PUT", DATA, identifier("V-05", "闸阀 5")) == DONE
    ended = await move_in(*words(line, tmp_path / "move", file), password=PASSWORD)
    assert (ended.status, ended.report["unchanged"]) == (0, 20)


async def test_identifiers_of_a_template_that_means_something_else_here_do_not_move(
    new: Node, snms: Snms, line: Line, move_in: MoveIn, tmp_path: Path
) -> None:
    other = valve()
    other["items"][0]["idType"] = "somethingElse"
    assert await Snms(new, new.tokens[USER])("POST", TEMPLATE, other) == DONE
    ended = await move_in(*words(line, tmp_path / "move", with_times(tmp_path)), password=PASSWORD)
    assert (ended.status, ended.report["registered"]) == (2, 0)
    assert sorted(problems(tmp_path / "move")) == [(handle, "template_otherwise") for handle in HANDLES]


async def test_nothing_moves_without_the_password_or_to_another_host(
    snms: Snms, line: Line, move_in: MoveIn, tmp_path: Path
) -> None:
    file = with_times(tmp_path)
    for folder, password, failure, code in (
        ("a", "", "", "password_missing"),
        ("b", "wrong-password", "", "peer_refused"),
        ("c", PASSWORD, "moved", "peer_strange"),
    ):
        line.failures[:] = [failure]
        ended = await move_in(*words(line, tmp_path / folder, file), password=password)
        assert ended.status == 1
        assert code in ended.err


async def test_a_directory_belongs_to_one_move_and_holds_no_password(
    snms: Snms, line: Line, move_in: MoveIn, tmp_path: Path
) -> None:
    file, folder = with_times(tmp_path), tmp_path / "move"
    assert (await move_in(*words(line, folder, file), password=PASSWORD)).status == 0
    written = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert len(written) > 4
    assert not any(PASSWORD.encode() in content for content in written)
    assert json.loads((folder / "move.json").read_bytes())["from"] == line.url
    other = [PREFIX.replace("2001", "2002") if word == PREFIX else word for word in words(line, folder, file)]
    refused = await move_in(*other, password=PASSWORD)
    assert (refused.status, "workplace_of_another" in refused.err) == (1, True)


async def test_a_line_that_was_being_written_when_the_power_went_is_fetched_again(
    new: Node, snms: Snms, line: Line, move_in: MoveIn, tmp_path: Path
) -> None:
    file, folder = with_times(tmp_path), tmp_path / "move"
    assert (await move_in(*words(line, folder, file), "--fetch-only", password=PASSWORD)).status == 0
    kept = folder / "fetched.ndjson"
    kept.write_bytes(kept.read_bytes()[:-20])
    ended = await move_in(*words(line, folder, file), password=PASSWORD)
    assert (ended.status, ended.report["registered"]) == (0, 20)
    assert line.asked[f"{DATA}/detail"] == 21
