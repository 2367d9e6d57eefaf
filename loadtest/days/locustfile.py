"""The users of a node, for locust: phones, applications, recursive nodes, enterprises that write.

Run by ``loadtest/load_test.py``; by hand ``LOADTEST_ORDER=FILE locust -f loadtest/days/locustfile.py --headless``.
Only the locust process imports this: gevent changes the sockets of whoever does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import gevent
from locust import User, constant, events, task
from locust.env import Environment
from locust.exception import StopUser

from loadtest.days import answers
from loadtest.days.answers import APP_AGENT, PHONE_AGENT, Asked, WrongAnswer, check_json, check_page, check_record
from loadtest.days.desk import Desk, RunningDay
from loadtest.days.doors import HandleDoor, HttpDoor, Silent
from loadtest.days.order import Order
from loadtest.days.plan import Ask, Kind
from resolver.handle.envelope import WireFault

APPS, NODES = 40, 16
"""As many as the plan has."""
_ORDER = Order.read()
_DESK = Desk(_ORDER)
_WRONG = (WrongAnswer, Silent, WireFault, ValueError, KeyError, TypeError)


def _begin(environment: Environment, **_: Any) -> None:
    def keep() -> None:
        try:
            _DESK.keep()
        finally:
            if environment.runner is not None:
                environment.runner.quit()

    environment.process_exit_code = 0  # whether the goals are met is for the report to say
    gevent.spawn(keep)


events.test_start.add_listener(_begin)  # type: ignore[no-untyped-call]  # locust says nothing of it


class _Asker(User):
    """Takes one ask after the other from its queue, day by day, and books what came of it."""

    abstract = True
    wait_time = constant(0)
    name = ""
    users = 0

    def on_start(self) -> None:
        """Which of its kind it is."""
        kind = type(self)
        self.queue = (kind.name, 0 if kind.name == "phone" else kind.users)
        kind.users += 1
        self.number = 0

    @task
    def next(self) -> None:
        """One ask, or the next day."""
        day = _DESK.opened(self.number)
        if day is None:
            raise StopUser
        waiting = day.asks.get(self.queue) if day.number == self.number else None
        if not waiting:
            self.number += 1
            return
        ask = waiting.popleft()
        day.busy += 1
        try:
            if _DESK.wait_for(day, ask):
                self.take(day, ask)
            else:
                day.ledger.unsent += 1
        finally:
            day.busy -= 1

    def take(self, day: RunningDay, ask: Ask) -> None:
        """Send it and check what comes."""
        raise NotImplementedError

    def sent(self, day: RunningDay, ask: Ask, asked: Asked, exchange: Callable[[], int]) -> bool:
        """Do the exchange, which returns the length of its answer, and book it; whether it was right."""
        before, began, wrong = _DESK.clock.time(), time.perf_counter(), None
        length = 0
        try:
            length = exchange()
        except _WRONG as error:
            wrong = error
        milliseconds = (time.perf_counter() - began) * 1000
        if wrong is not None:
            day.ledger.fail(ask, f"{type(wrong).__name__}: {wrong}")
        elif _DESK.booked_on(day, before, _DESK.clock.time()):
            day.ledger.book(ask, asked.prefix, milliseconds)
        self.environment.events.request.fire(
            request_type="UDP" if ask.kind is Kind.NODE else "HTTP", name=ask.kind.value, response_time=milliseconds,
            response_length=length, exception=wrong, context={},
        )  # fmt: skip
        return wrong is None


class Phone(_Asker):
    """Somebody scans a code: a connection, one question or two, and gone."""

    name = "phone"
    fixed_count = _ORDER.phones

    def take(self, day: RunningDay, ask: Ask) -> None:
        asked = _DESK.asked(day, ask)
        host = f"{_ORDER.http[0]}:{_ORDER.http[1]}"
        page = ask.kind is Kind.PAGE
        request = answers.page_request(asked, host) if page else answers.json_request(asked, host, PHONE_AGENT)
        door = HttpDoor(_ORDER.http, ask.source)

        def exchange() -> int:
            status, body = door.ask(request)
            (check_page if page else check_json)(asked, status, body)
            return len(body)

        try:
            before = _DESK.clock.time()
            right = self.sent(day, ask, asked, exchange)
            if ask.twice and right:
                again = _DESK.clock.time()
                if self.sent(day, ask, asked, exchange):
                    _DESK.book_second(day, before, again, again)
        finally:
            door.close()


class App(_Asker):
    """A program that keeps its connection."""

    name = Kind.APP.value
    fixed_count = APPS

    def on_start(self) -> None:
        super().on_start()
        self.door = HttpDoor(_ORDER.http, f"127.20.{self.queue[1]}.1")

    def take(self, day: RunningDay, ask: Ask) -> None:
        asked = _DESK.asked(day, ask)
        request = answers.json_request(asked, f"{_ORDER.http[0]}:{_ORDER.http[1]}", APP_AGENT)

        def exchange() -> int:
            status, body = self.door.ask(request)
            check_json(asked, status, body)
            return len(body)

        self.sent(day, ask, asked, exchange)


class RecursiveNode(_Asker):
    """A recursive node (递归节点), by UDP."""

    name = Kind.NODE.value
    fixed_count = NODES

    def on_start(self) -> None:
        super().on_start()
        self.door = HandleDoor(_ORDER.handle, f"127.30.{self.queue[1]}.1")

    def take(self, day: RunningDay, ask: Ask) -> None:
        asked = _DESK.asked(day, ask)

        def exchange() -> int:
            found = self.door.resolve(asked.identifier)
            if (found is None) is not (asked.values is None):
                raise WrongAnswer(f"{asked.identifier} was {'not ' if found is None else ''}found")
            if found is not None:
                check_record(asked, *found)
            return 0

        self.sent(day, ask, asked, exchange)


class Writer(_Asker):
    """An enterprise's own program: registers and updates, one at a time."""

    name = "writer"
    fixed_count = len(_ORDER.prefixes)

    def on_start(self) -> None:
        super().on_start()
        self.door = HttpDoor(_ORDER.http, f"127.40.{self.queue[1]}.1")
        self.token = list(_ORDER.prefixes.values())[self.queue[1]]

    def take(self, day: RunningDay, ask: Ask) -> None:
        asked = answers.asked_of(ask, _DESK.prefixes[ask.enterprise], day.number)
        created = ask.kind is Kind.REGISTER
        place = ask.enterprise, ask.number
        version = None if created else _DESK.versions.get(place, 1)
        request = answers.write_request(
            asked, f"{_ORDER.http[0]}:{_ORDER.http[1]}", self.token, answers.written(day.number, ask.number), version
        )

        def exchange() -> int:
            status, body = self.door.ask(request)
            stands = answers.check_written(asked, status, body, created=created)
            if not created:
                _DESK.versions[place] = stands
            return len(body)

        right = self.sent(day, ask, asked, exchange)
        (day.written if right else day.lost).add((ask.enterprise, ask.number, ask.what))
