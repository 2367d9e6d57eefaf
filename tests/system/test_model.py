"""The whole interface against a dictionary: any sequence of acts leaves exactly what the dictionary says.

Every act goes over HTTP to a running node: single and bulk, by file and by query, previewed, confirmed, undone. The
short form runs with the suite; ``make model`` runs 500 sequences of 50 acts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, ClassVar
from urllib.parse import quote
from uuid import uuid4

import pytest
import requests
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from tests.support.databases import Clone
from tests.support.node import Node, node_of_its_own

PREFIX = "88.101.2001"
SUFFIXES = st.sampled_from(["a-1", "A-1", "b-2", "c-3", "泵/4", "e 5", "f%6", "g-7"])
MODELS = st.sampled_from(["CP-1", "CP-2"])
SERIALS = st.sampled_from(["S-1", "S-2", "S-3"])
WEIGHTS = st.sampled_from(["0", "1.50", "7"])
ATTRIBUTES = st.fixed_dictionaries(
    {"name": st.sampled_from(["离心泵", "齿轮泵"])},
    optional={"model": MODELS, "serial": SERIALS, "weight_kg": WEIGHTS},
)
PARTS = st.fixed_dictionaries({}, optional={"model": MODELS | st.none(), "weight_kg": WEIGHTS}).filter(bool)
LIVE, SUSPENDED, DELETED = "live", "suspended", "deleted"
FORMS = {"csv": "text/csv", "ndjson": "application/x-ndjson", "json": "application/json"}


@dataclass(frozen=True)
class Thing:
    """One identifier as it must stand."""

    suffix: str
    attributes: Mapping[str, str]
    state: str
    version: int

    @property
    def content(self) -> tuple[Any, ...]:
        return self.state, dict(self.attributes)

    def changed(self, **facts: Any) -> Thing:
        return replace(self, version=self.version + 1, **facts)


@dataclass
class Done:
    """A batch that changed something: what each of its identifiers was before and after it."""

    batch_id: str
    before: dict[str, Thing | None] = field(default_factory=dict)
    after: dict[str, Thing] = field(default_factory=dict)


def folded(suffix: str) -> str:
    """The comparison key: ASCII letters without case."""
    return "".join(chr(ord(char) - 32) if "a" <= char <= "z" else char for char in suffix)


class Model(RuleBasedStateMachine):
    node: ClassVar[Node]
    session: ClassVar[requests.Session]
    numbers: ClassVar[Iterator[int]] = count()

    def __init__(self) -> None:
        super().__init__()
        self.space = f"R{next(self.numbers)}-"
        self.things: dict[str, Thing] = {}
        self.batches: list[Done] = []

    # One at a time ------------------------------------------------------------------------------------

    @rule(suffix=SUFFIXES, attributes=ATTRIBUTES)
    def register(self, suffix: str, attributes: dict[str, str]) -> None:
        suffix, attributes = self.own(suffix, attributes)
        standing = self.things.get(folded(suffix))
        answer = self.ask("POST", "/v1/identifiers", json={
            "prefix": PREFIX, "suffix": suffix, "template": "pump", "attributes": attributes,
        })  # fmt: skip
        if (standing and standing.state != DELETED) or self.taken(attributes, folded(suffix)):
            assert answer.status_code == 409, answer.text
            return
        assert answer.status_code == 201, answer.text
        version = standing.version + 1 if standing else 1
        self.things[folded(suffix)] = Thing(suffix, attributes, LIVE, version)

    @rule(suffix=SUFFIXES, attributes=ATTRIBUTES, late=st.booleans())
    def replace_all(self, suffix: str, attributes: dict[str, str], late: bool) -> None:
        suffix, attributes = self.own(suffix, attributes)
        standing = self.standing(suffix)
        version = standing.version + late if standing else 1
        answer = self.ask("PUT", self.path(suffix), json={"version": version, "attributes": attributes})
        if standing is None:
            assert answer.status_code == 404, answer.text
        elif late or self.taken(attributes, folded(suffix)):
            assert answer.status_code == 409, answer.text
        else:
            assert answer.status_code == 200, answer.text
            self.things[folded(suffix)] = standing.changed(attributes=attributes)

    @rule(suffix=SUFFIXES, state=st.sampled_from([LIVE, SUSPENDED]))
    def turn(self, suffix: str, state: str) -> None:
        suffix = self.space + suffix
        standing = self.standing(suffix)
        answer = self.ask("PUT", self.path(suffix, "identifier-states"), json={
            "state": state, "version": standing.version if standing else 1,
        })  # fmt: skip
        assert answer.status_code == (200 if standing else 404), answer.text
        if standing and standing.state != state:
            self.things[folded(suffix)] = standing.changed(state=state)

    @rule(suffix=SUFFIXES)
    def delete(self, suffix: str) -> None:
        suffix = self.space + suffix
        standing = self.standing(suffix)
        answer = self.ask("DELETE", self.path(suffix), params={"version": standing.version if standing else 1})
        assert answer.status_code == (204 if standing else 404), answer.text
        if standing:
            self.things[folded(suffix)] = standing.changed(state=DELETED, attributes={})

    # By the file --------------------------------------------------------------------------------------

    @rule(
        form=st.sampled_from(sorted(FORMS)),
        rows=st.lists(st.tuples(SUFFIXES, ATTRIBUTES), min_size=1, max_size=5, unique_by=lambda row: folded(row[0])),
    )
    def register_file(self, form: str, rows: list[tuple[str, dict[str, str]]]) -> None:
        done = Done("")
        counts = dict.fromkeys(("registered", "changed", "unchanged", "rejected"), 0)
        sent = []
        for suffix, given in rows:
            suffix, attributes = self.own(suffix, {name: text for name, text in given.items() if name != "serial"})
            sent.append((suffix, attributes))
            key, standing = folded(suffix), self.things.get(folded(suffix))
            if standing is None or standing.state == DELETED:
                counts["registered"] += 1
                thing = Thing(suffix, attributes, LIVE, standing.version + 1 if standing else 1)
                self.becomes(done, key, thing)
            elif dict(standing.attributes) == attributes:
                counts["unchanged"] += 1
            else:
                counts["rejected"] += 1
        self.send("register", form, sent, counts, done, template="pump")

    @rule(
        operation=st.sampled_from(["update", "delete", "suspend", "resume"]),
        form=st.sampled_from(sorted(FORMS)),
        suffixes=st.lists(SUFFIXES, min_size=1, max_size=5, unique_by=folded),
        part=PARTS,
    )
    def change_file(self, operation: str, form: str, suffixes: list[str], part: dict[str, str | None]) -> None:
        done = Done("")
        counts = dict.fromkeys(("registered", "changed", "unchanged", "rejected"), 0)
        for suffix in suffixes:
            counts[self.apply(operation, folded(self.space + suffix), part, done)] += 1
        values = part if operation == "update" else {}
        sent = [(self.space + suffix, values) for suffix in suffixes]
        query = {"template": "pump"} if operation == "update" else {}
        self.send(operation, form, sent, counts, done, **query)

    # By the query -------------------------------------------------------------------------------------

    @rule(operation=st.sampled_from(["update", "delete", "suspend", "resume"]), model=MODELS, part=PARTS)
    def change_by_query(self, operation: str, model: str, part: dict[str, str | None]) -> None:
        state = SUSPENDED if operation == "resume" else LIVE
        chosen = [
            key
            for key, thing in self.things.items()
            if thing.state == state and thing.attributes.get("model") == model
        ]
        done = Done("")
        counts = dict.fromkeys(("registered", "changed", "unchanged", "rejected"), 0)
        for key in chosen:
            counts[self.apply(operation, key, part, done)] += 1
        filters = {
            "suffix_begins": self.space,
            "template_id": self.node.template.template_id,
            "attributes": [{"attribute": "model", "equal": model}],
        }
        asked = {"operation": operation, "prefix": PREFIX, "filters": filters}
        if operation == "update":
            asked["set"] = part
        preview = self.ask("POST", "/v1/batches/by-query", json={**asked, "dry_run": True})
        assert preview.status_code == 200, preview.text
        assert preview.json()["selected"] == len(chosen)
        self.same_counts(preview.json(), counts)
        answer = self.ask(
            "POST", "/v1/batches/by-query", json={**asked, "confirmation": preview.json()["confirmation"]},
            headers={"Idempotency-Key": uuid4().hex},
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        self.same_counts(answer.json(), counts)
        self.keep(done, answer.json())

    # Undone -------------------------------------------------------------------------------------------

    @precondition(lambda self: self.batches)
    @rule(place=st.integers(0, 20))
    def undo(self, place: int) -> None:
        done = self.batches.pop(place % len(self.batches))
        answer = self.ask(
            "POST", f"/v1/batches/{done.batch_id}/undo", headers={"Idempotency-Key": uuid4().hex}
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        changed = 0
        for key, after in done.after.items():
            now, before = self.things[key], done.before[key]
            target = now.changed(
                state=before.state if before else DELETED, attributes=before.attributes if before else {},
                suffix=before.suffix if before and before.state != DELETED else now.suffix,
            )  # fmt: skip
            if now.version != after.version:
                # Changed since: refused, unless it was brought back to what the batch had left.
                found = self.read(key)
                if now.content != after.content or found["version"] == now.version:
                    continue
            if before and self.taken(before.attributes, key):
                continue  # somebody else has its unique value by now
            self.things[key] = target
            changed += 1
        assert answer.json()["changed"] == changed, (answer.text, done)
        again = self.ask("POST", f"/v1/batches/{done.batch_id}/undo", headers={"Idempotency-Key": uuid4().hex})
        assert again.status_code == 409, again.text

    # What must hold -----------------------------------------------------------------------------------

    @rule(suffix=SUFFIXES)
    def look(self, suffix: str) -> None:
        key = folded(self.space + suffix)
        thing = self.things.get(key)
        standing = thing if thing and thing.state != DELETED else None
        answer = self.ask("GET", self.path(self.space + suffix))
        assert answer.status_code == (200 if standing else 404), answer.text
        if standing:
            found = answer.json()
            told = (found["suffix"], found["attributes"], found["state"], found["version"])
            assert told == (standing.suffix, dict(standing.attributes), standing.state, standing.version)
        self.resolves(suffix, 1 if standing and standing.state == LIVE else 100)
        past = self.ask("GET", self.path(self.space + suffix, "identifier-history"))
        assert past.status_code == (200 if thing else 404), past.text
        if thing:
            assert [one["version"] for one in past.json()["items"]] == list(range(thing.version, 0, -1))[:50]

    @rule(state=st.sampled_from([LIVE, SUSPENDED, DELETED, "all"]), model=MODELS | st.none())
    def search(self, state: str, model: str | None) -> None:
        query = {"prefix": PREFIX, "suffix_begins": self.space, "state": state, "limit": 3, "count": "true"}
        if model is not None:
            query["template_id"] = self.node.template.template_id
            query["where"] = json.dumps([{"attribute": "model", "equal": model}])
        found: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = self.ask("GET", "/v1/identifiers", params={**query, **cursor})
            assert page.status_code == 200, page.text
            found += [folded(item["suffix"]) for item in page.json()["items"]]
            if not page.json()["next_cursor"]:
                break
            cursor = {"cursor": page.json()["next_cursor"]}
        wanted = {
            key
            for key, thing in self.things.items()
            if state in (thing.state, "all") and model in (None, thing.attributes.get("model"))
        }
        assert sorted(found) == sorted(wanted)

    def teardown(self) -> None:
        self.search("all", None)

    # What the rules have in common --------------------------------------------------------------------

    def ask(self, method: str, path: str, **sent: Any) -> requests.Response:
        return self.session.request(method, self.node.url + path, timeout=30, **sent)

    def path(self, suffix: str, kind: str = "identifiers") -> str:
        return f"/v1/{kind}/{PREFIX}/{quoted(suffix)}"

    def resolves(self, suffix: str, code: int) -> None:
        """What resolvers answer, who hear of a change a moment after it (design: within 100 ms)."""
        deadline = time.monotonic() + 2
        while True:
            answer = self.ask("GET", f"/api/handles/{PREFIX}/{quoted(self.space + suffix)}").json()
            if answer["responseCode"] == code:
                return
            assert time.monotonic() < deadline, answer
            time.sleep(0.01)

    def read(self, key: str) -> Any:
        page = self.ask("GET", "/v1/identifiers", params={"prefix": PREFIX, "suffix_begins": key, "state": "all"})
        return next(item for item in page.json()["items"] if folded(item["suffix"]) == key)

    def own(self, suffix: str, attributes: dict[str, str]) -> tuple[str, dict[str, str]]:
        """Names and unique values that no other sequence uses."""
        serial = {"serial": self.space + attributes["serial"]} if "serial" in attributes else {}
        return self.space + suffix, {**attributes, **serial}

    def standing(self, suffix: str) -> Thing | None:
        thing = self.things.get(folded(suffix))
        return thing if thing and thing.state != DELETED else None

    def taken(self, attributes: Mapping[str, str], key: str) -> bool:
        serial = attributes.get("serial")
        return serial is not None and any(
            thing.attributes.get("serial") == serial for other, thing in self.things.items() if other != key
        )

    def becomes(self, done: Done, key: str, thing: Thing) -> None:
        done.before[key] = self.things.get(key)
        done.after[key] = self.things[key] = thing

    def apply(self, operation: str, key: str, part: Mapping[str, str | None], done: Done) -> str:
        """Do one row of a change; says under which count it falls."""
        thing = self.things.get(key)
        if thing is None or (thing.state == DELETED and operation != "delete"):
            return "rejected"
        attributes, state = dict(thing.attributes), thing.state
        if operation == "update":
            attributes = {name: text for name, text in {**attributes, **part}.items() if text is not None}
        elif operation == "delete":
            attributes, state = {}, DELETED
        else:
            state = SUSPENDED if operation == "suspend" else LIVE
        if (state, attributes) == thing.content:
            return "unchanged"
        self.becomes(done, key, thing.changed(state=state, attributes=attributes))
        return "changed"

    def send(
        self, operation: str, form: str, rows: list[tuple[str, dict[str, Any]]], counts: dict[str, int], done: Done,
        **query: str,
    ) -> None:  # fmt: skip
        asked = {"prefix": PREFIX, "operation": operation, **query}
        body = written(form, rows).encode()
        headers = {"Content-Type": FORMS[form]}
        preview = self.ask("POST", "/v1/batches", params={**asked, "dry_run": "true"}, data=body, headers=headers)
        assert preview.status_code == 200, preview.text
        self.same_counts(preview.json(), counts)
        if operation != "register":
            asked["confirmation"] = preview.json()["confirmation"]
        headers["Idempotency-Key"] = uuid4().hex
        answer = self.ask("POST", "/v1/batches", params=asked, data=body, headers=headers)
        assert answer.status_code == 200, answer.text
        self.same_counts(answer.json(), counts)
        replayed = self.ask("POST", "/v1/batches", params=asked, data=body, headers=headers)
        assert replayed.json() == answer.json()
        self.keep(done, answer.json())

    def keep(self, done: Done, batch: dict[str, Any]) -> None:
        if done.after:
            self.batches.append(replace(done, batch_id=batch["batch_id"]))

    def same_counts(self, told: dict[str, Any], counts: dict[str, int]) -> None:
        assert {name: told[name] for name in counts} == counts, told


def quoted(suffix: str) -> str:
    return quote(suffix, safe="")


def written(form: str, rows: list[tuple[str, dict[str, Any]]]) -> str:
    """The rows as a file; in a table each row has every column that any of them has."""
    if form == "csv":
        names = sorted({name for _, attributes in rows for name in attributes})
        lines = [["suffix", *names]]
        lines += [[suffix, *(attributes.get(name) or "" for name in names)] for suffix, attributes in rows]
        return "".join(",".join(cells) + "\n" for cells in lines)
    objects = [{"suffix": suffix, **attributes} for suffix, attributes in rows]
    if form == "json":
        return json.dumps(objects, ensure_ascii=False)
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in objects)


@pytest.fixture
def node(clone: Clone) -> Iterator[Node]:
    with node_of_its_own(clone, log={"requests": False}) as node:
        yield node


def test_any_sequence_of_acts_leaves_what_the_dictionary_says(node: Node, pytestconfig: pytest.Config) -> None:
    sequences, acts = pytestconfig.getoption("--sequences"), pytestconfig.getoption("--acts")
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {node.tokens['enterprise_user']}"
        Model.node, Model.session = node, session
        run_state_machine_as_test(
            Model,
            settings=settings(
                max_examples=sequences, stateful_step_count=acts, deadline=None, database=None,
                derandomize=sequences < 100, phases=[Phase.generate, Phase.shrink],
                suppress_health_check=list(HealthCheck),
            ),
        )  # fmt: skip
