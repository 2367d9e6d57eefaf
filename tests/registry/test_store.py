"""What the writer's storage shares: refusals by constraint, versions, ids, and the text of tokens."""

from __future__ import annotations

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from node.database import DatabaseAway, Pool, transaction
from node.errors import Conflict
from registry import store
from registry.accounts import tokens
from registry.store import VersionChanged, check_version, reading, refusing, time_ordered_id


class Taken(Conflict):
    title_zh = "已被使用"


INSERT = """
INSERT INTO enterprise (enterprise_id, credit_code, name, division_code, industry_code, state, created_at, updated_at)
VALUES ($1, $2, 'n', '1', '1', 'draft', now(), now())
"""
CODE = "91350100M000100Y43"


async def insert(pool: Pool, code: str, error: Taken) -> None:
    async with transaction(pool) as connection:
        with refusing(enterprise_credit_code_unique=error):
            await connection.execute(INSERT, uuid4(), code)


async def test_a_violated_constraint_becomes_the_error_under_its_name(pool: Pool) -> None:
    error = Taken("it is taken")
    await insert(pool, CODE, error)
    with pytest.raises(Taken) as refusal:
        await insert(pool, CODE, error)
    assert refusal.value is error


async def test_a_violation_that_nobody_named_passes_unchanged(pool: Pool) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await insert(pool, "91", Taken("it is taken"))


async def test_every_constraint_that_the_writer_names_stands_in_the_schema(pool: Pool) -> None:
    named = set()
    for path in sorted(Path(store.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "refusing":
                named |= {keyword.arg for keyword in node.keywords if keyword.arg}
            if isinstance(node, ast.keyword) and (node.arg or "").endswith("_constraint"):
                named.add(ast.literal_eval(node.value))
    assert len(named) >= 6
    standing = await pool.fetch("SELECT conname FROM pg_constraint UNION SELECT indexname FROM pg_indexes")
    assert named <= {row[0] for row in standing}


async def test_a_database_that_went_away_is_said_to_be_away(database_url: str) -> None:
    pool = await asyncpg.create_pool(database_url, min_size=1, max_size=1)
    async with pool.acquire():
        with pytest.raises(DatabaseAway):
            async with reading(pool, seconds=0.05):
                raise AssertionError
    pool.terminate()
    with pytest.raises(DatabaseAway):
        async with reading(pool):
            raise AssertionError


def test_another_version_is_refused_with_both_numbers() -> None:
    check_version(3, 3)
    with pytest.raises(VersionChanged) as refusal:
        check_version(3, 4)
    assert refusal.value.evidence == {"expected": 3, "found": 4}


def test_ids_are_version_7_distinct_and_in_the_order_of_time() -> None:
    start = datetime(2026, 3, 2, tzinfo=UTC)
    made = [time_ordered_id(start + timedelta(milliseconds=step)) for step in range(500)]
    assert made == sorted(made)
    assert {one.version for one in made} == {7}
    assert {one.variant for one in made} == {uuid4().variant}
    assert made[0].int >> 80 == int(start.timestamp() * 1000)
    assert len({time_ordered_id(start) for _ in range(500)}) == 500


def test_a_tokens_text_gives_back_its_parts_and_other_texts_give_nothing() -> None:
    token_id = uuid4()
    secret = tokens.new_secret(lambda size: bytes(range(size)))
    text = tokens.token_text(token_id, secret)
    assert text == f"bst_{token_id.hex}_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    assert tokens.read_token(text) == (token_id, secret)
    assert len(tokens.secret_hash(secret)) == 32
    for other in (text[:-1], text + "=", text.replace("bst", "BST"), text.replace("_", "-"), f" {text}", text + "\n"):
        assert tokens.read_token(other) is None
    assert tokens.new_secret() != tokens.new_secret()
