"""Imports point down, and the pure values import nothing but the standard library."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("node", "registry", "resolver", "admin", "mocknational", "docking", "loadtest")
LOOKS_DOWN_ON: dict[str, set[str]] = {
    "node": {"node"},
    "registry": {"node", "registry"},
    "resolver": {"node", "resolver"},
    "admin": {"node", "registry", "resolver", "admin"},
    "mocknational": {"node", "resolver", "mocknational"},
    "docking": {"node", "docking"},
    "loadtest": {"loadtest"},
}
# The composition root may look up; the hammer may use the pure values, and its benches the node's own programs.
EXCEPTIONS: dict[str, set[str]] = {
    "node/cli.py": set(PACKAGES),
    "node/serve.py": set(PACKAGES),
    "node/worker.py": set(PACKAGES),
    "node/fronts.py": {"node", "resolver"},  # parts of workers, and of processes that only resolve
    "node/resolving.py": {"node", "resolver"},
    "node/keeper.py": {"node", "resolver", "admin"},
    "node/use_cases.py": set(PACKAGES),
    "node/parts.py": set(PACKAGES),
    "node/printing.py": set(PACKAGES),
    "node/steward.py": set(PACKAGES),
    "node/upward.py": set(PACKAGES),
    "node/acceptance_command.py": {"node", "admin"},  # a verb of node/cli.py
    "node/recount_command.py": {"node", "resolver", "admin"},  # likewise
    "node/mock_national_command.py": {"node", "mocknational"},  # likewise
    "node/docking_command.py": {"node", "docking"},  # likewise
    "node/trace_command.py": {"node", "resolver"},  # likewise
    "node/escrow_command.py": {"node", "registry", "resolver"},  # likewise
    "node/uploads_command.py": {"node", "admin"},  # likewise
    "node/report_command.py": {"node", "admin"},  # likewise
    "node/resolve_command.py": {"node", "resolver", "loadtest"},  # two verbs of node/cli.py
    "loadtest/bench_node.py": {"node", "loadtest"},
    "loadtest/bench_cache.py": {"resolver", "loadtest"},
    "loadtest/cache_entries.py": {"resolver", "loadtest"},
    "loadtest/cache_stops.py": {"node", "resolver", "loadtest"},
    "loadtest/hits.py": {"resolver", "loadtest"},
    "loadtest/bench_http.py": {"node", "loadtest"},
    "loadtest/bench_counting.py": {"node", "resolver", "loadtest"},
    "loadtest/cluster.py": {"node", "loadtest"},
    "loadtest/cluster_exercise.py": {"node", "loadtest"},
    "loadtest/cluster_stage.py": {"node", "loadtest"},
    "loadtest/machines.py": {"node", "registry", "loadtest"},
    "loadtest/big_stock.py": {"node", "registry", "loadtest"},
    "loadtest/big_work.py": {"node", "loadtest"},
    "loadtest/compression.py": {"node", "loadtest"},
    "loadtest/records.py": {"node", "registry", "loadtest"},
    "loadtest/stocking.py": {"node", "registry", "loadtest"},
    "loadtest/load_test.py": {"node", "loadtest"},
    "loadtest/days/ground.py": {"node", "loadtest"},
    "loadtest/days/order.py": {"node", "loadtest"},
    "loadtest/standby.py": {"node", "loadtest"},
    "loadtest/bench_search.py": {"node", "loadtest"},
    "loadtest/bench_invalidation.py": {"node", "registry", "loadtest"},
    "loadtest/bench_replica.py": {"node", "loadtest"},
}
WIRE = ("codes", "envelope", "fields", "message", "bodies", "credential", "fragments", "replication")
"""The bytes of the Handle protocol: no sockets, no database."""
VALUES = ("node/identifier.py", "node/record.py", "node/errors.py", "node/handle_data.py", "resolver/answer.py")
PURE = (*VALUES, *(f"resolver/handle/{name}.py" for name in WIRE))
HAMMER_MAY_IMPORT = {name.removesuffix(".py").replace("/", ".") for name in PURE}
PURE_MAY_IMPORT = {*HAMMER_MAY_IMPORT, "node.administration"}
PURE_MAY_ALSO = {"resolver/answer.py": {"msgspec"}}  # entries that the garbage collector need not visit: ADR 0025


def imports_of(path: Path) -> set[str]:
    found = set()
    for item in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(item, ast.Import):
            found |= {name.name for name in item.names}
        elif isinstance(item, ast.ImportFrom):
            assert item.level == 0, f"{path.name} imports relatively"
            found.add(str(item.module))
    return found


def modules() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_from_its_own_floor_or_below(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    allowed = EXCEPTIONS.get(name, LOOKS_DOWN_ON[name.partition("/")[0]])
    pure: set[str] = HAMMER_MAY_IMPORT if name.startswith(("loadtest/", "docking/")) else set()
    upward = {
        module for module in imports_of(path) if module.partition(".")[0] in PACKAGES and
        module.partition(".")[0] not in allowed and module not in pure
    }  # fmt: skip
    assert not upward


@pytest.mark.parametrize("name", PURE)
def test_a_pure_value_imports_nothing_outside_the_standard_library(name: str) -> None:
    foreign = {
        module
        for module in imports_of(ROOT / name)
        if module.partition(".")[0] not in sys.stdlib_module_names
        and module not in PURE_MAY_IMPORT | PURE_MAY_ALSO.get(name, set())
    }
    assert not foreign
