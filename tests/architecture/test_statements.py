"""Every SQL statement of every package is one that the real schema understands."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from node.sql import Statements

ROOT = Path(__file__).parents[2]


def statements() -> Iterator[tuple[str, str, str]]:
    for package in ("node", "registry", "resolver", "admin"):
        for path in sorted((ROOT / package).rglob("*.sql")):
            if path.parent.name != "schema":
                for name, sql in Statements(path).items():
                    yield path.relative_to(ROOT).as_posix(), name, sql


async def test_every_statement_can_be_prepared(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    faults = []
    try:
        for file, name, sql in statements():
            try:
                await connection.prepare(sql)
                if "CREATE TEMPORARY TABLE" in sql:
                    await connection.execute(sql)  # the statements after it work on that table
            except asyncpg.PostgresError as error:
                faults.append(f"{file} {name}: {error}")
    finally:
        await connection.close()
    assert not faults


@pytest.mark.parametrize(
    ("file", "name", "sql"), [pytest.param(*part, id="-".join(part[:2])) for part in statements()]
)
def test_every_statement_says_why_it_exists(file: str, name: str, sql: str) -> None:
    assert sql.startswith("--"), f"{name} in {file} has no comment"


def test_every_statement_is_used() -> None:
    code = "\n".join(
        path.read_text(encoding="utf-8") for package in ("node", "registry", "resolver", "admin")
        for path in (ROOT / package).rglob("*.py")
    )  # fmt: skip
    unused = [f"{file} {name}" for file, name, _ in statements() if f'"{name}"' not in code]
    assert not unused


def test_sql_stands_in_sql_files_only() -> None:
    """The exceptions act on databases and roles, whose names cannot be parameters."""
    allowed = {"node/migrate.py", "node/embedded.py", "node/backup.py", "node/database.py", "node/demo/scene.py"}
    verb = re.compile(r"\s*(SELECT\s(?!1$)|INSERT INTO|UPDATE \w+ SET|DELETE FROM|CREATE |DROP )")
    guilty = set()
    for package in ("node", "registry", "resolver", "admin"):
        for path in (ROOT / package).rglob("*.py"):
            for item in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(item, ast.Constant) and isinstance(item.value, str) and verb.match(item.value):
                    guilty.add(path.relative_to(ROOT).as_posix())
    assert guilty <= allowed
