"""The coding rules that come with the node, against a second implementation that knows nothing of ours."""

from __future__ import annotations

import datetime as time
import json
import re
import string
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

import registry.documents.shipped
from node.database import Pool
from registry.coding.definition import read_coding_rule
from registry.coding.rule import CodingRule
from registry.coding.rules import coding_rule_by_name
from registry.documents.shipped import ship
from registry.transitions import DocumentState
from tests.support.world import World

DATA = Path(registry.documents.shipped.__file__).with_name("data")
SAID: dict[str, dict[str, Any]] = {
    said["name"]: said for said in json.loads((DATA / "rules.json").read_text(encoding="utf-8"))
}
SAMPLES = 10_000


def rule(name: str) -> CodingRule:
    return read_coding_rule({"segments": SAID[name]["segments"]})


# The second implementation: written from the documents, by other means ------------------------------------


def is_day(digits: str) -> bool:
    try:
        time.datetime.strptime(digits, "%Y%m%d")  # noqa: DTZ007 - a calendar day, no moment
    except ValueError:
        return False
    return len(digits) == 8


def electronics(suffix: str) -> bool:
    parts = suffix.split(".")
    if len(parts) != 4:
        return False
    class_code, model, made_on, serial = parts
    return (
        re.fullmatch("(?:[0-9]{2}){3}", class_code) is not None
        and 1 <= len(model) <= 32
        and set(model.upper()) <= set(string.ascii_uppercase + string.digits + "-_")
        and is_day(made_on)
        and re.fullmatch("[0-9]{8}", serial) is not None
        and int(serial) > 0
    )


def date_serial(suffix: str) -> bool:
    if re.fullmatch("[0-9]{16}[0-9A-Za-z]", suffix) is None or not is_day(suffix[:8]) or int(suffix[8:16]) == 0:
        return False
    # ISO/IEC 7064, hybrid system MOD 37,36, as a sum that has to come out as 1.
    alphabet = string.digits + string.ascii_uppercase
    state = 36
    for character in suffix[:16]:
        total = state + alphabet.index(character)
        total = total - 36 if total > 36 else total
        state = total * 2 - 37 if total * 2 >= 37 else total * 2
    return (state + alphabet.index(suffix[16].upper())) % 36 == 1


def gtin_serial(suffix: str) -> bool:
    gtin, dot, serial = suffix.partition(".")
    if not dot or re.fullmatch("[0-9]{14}", gtin) is None or re.fullmatch("[0-9]{10}", serial) is None:
        return False
    # GS1 General Specifications: odd places of fourteen weigh 3, even ones 1, check digit included.
    weighed = sum(int(digit) for digit in gtin[::2]) * 3 + sum(int(digit) for digit in gtin[1::2])
    return weighed % 10 == 0 and int(serial) > 0


SECOND: dict[str, Callable[[str], bool]] = {
    "electronics": electronics,
    "date-serial": date_serial,
    "gtin-serial": gtin_serial,
}


def gtin_of(random: Random) -> str:
    """A GTIN of 8, 12, 13 or 14 digits, by trying check digits."""
    body = "".join(random.choices(string.digits, k=random.choice([7, 11, 12, 13])))
    return next(
        body + digit
        for digit in string.digits
        if sum(int(one) * (3, 1)[place % 2] for place, one in enumerate((body + digit).zfill(14))) % 10 == 0
    )


def values_of(name: str, random: Random) -> dict[str, str]:
    if name == "electronics":
        day = time.date(1990, 1, 1) + time.timedelta(days=random.randrange(20_000))
        model = "".join(random.choices(string.ascii_letters + string.digits + "-_", k=random.randint(1, 32)))
        return {"class_code": f"{random.randrange(10**6):06d}", "model": model, "made_on": day.isoformat()}
    return {"gtin": gtin_of(random)} if name == "gtin-serial" else {}


def damaged(suffix: str, random: Random) -> str:
    """The suffix with one small thing done to it."""
    place = random.randrange(len(suffix))
    other = random.choice(string.digits + string.ascii_uppercase + ".-")
    return random.choice([
        suffix[:place] + other + suffix[place + 1 :], suffix[:place] + suffix[place + 1 :],
        suffix[:place] + other + suffix[place:], suffix[:place] + suffix[place + 1 : place + 2] + suffix[place]
        + suffix[place + 2 :],
    ])  # fmt: skip


@pytest.mark.parametrize("name", SECOND)
def test_ten_thousand_suffixes_of_a_shipped_rule_pass_a_second_implementation(name: str) -> None:
    found, second, random = rule(name), SECOND[name], Random(name)
    disagreements, refused = [], 0
    for serial in range(1, SAMPLES + 1):
        at = time.datetime(2026, 1, 1, tzinfo=time.UTC) + time.timedelta(hours=serial)
        suffix = found.suffix(values_of(name, random), serial, at, random)
        assert second(suffix), suffix
        assert found.check(suffix) == [], suffix
        spoilt = damaged(suffix, random)
        refused += not second(spoilt)
        if second(spoilt) is bool(found.check(spoilt)):
            disagreements.append(spoilt)
    assert disagreements == []
    assert refused > SAMPLES / 5


def test_the_examples_in_the_documents_are_of_their_rules() -> None:
    for name, said in SAID.items():
        text = (DATA / said["file"]).read_text(encoding="utf-8")
        example = text.partition("# 示例")[2].split()[0]
        assert SECOND[name](example), name
        assert rule(name).check(example) == []


async def test_what_is_shipped_is_put_in_once_and_stays_as_it_is_left(pool: Pool) -> None:
    world = World(pool)
    added = await ship(pool, world.clock())
    assert len(added) == 7
    published = await world.documents.list(None)
    assert {one.name for one in published} == {"coding-rules", *(f"coding-rule-{name}" for name in SECOND)}
    drafts = await world.documents.list(world.reviewer, state=DocumentState.DRAFT)
    assert {one.name for one in drafts} == {"technical-standards", "management-rules", "operation-rules"}
    assert await ship(pool, world.clock()) == []
    assert await pool.fetchval("SELECT count(*) FROM coding_rule WHERE enterprise_id IS NULL") == 3
    holder = await world.holder()
    assert holder.account.enterprise_id is not None
    async with pool.acquire() as connection:
        mine = await coding_rule_by_name(connection, holder.account.enterprise_id, "gtin-serial")
    document = next(one for one in published if one.name == "coding-rule-gtin-serial")
    assert mine.number == document.coding_rule_id
