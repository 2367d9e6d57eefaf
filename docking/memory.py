"""What the examiner knows of the node under test: an upper side in memory, for one run.

It holds one node and forgets everything at its end. Whatever is at odds with the interface in what came goes into
``faults`` and the request is refused, as any upper would.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import msgspec

from node.identifier import fold
from node.national.access import Application, ApplicationState, ApplicationStatus, IssuedKey
from node.national.bulk import FileManifest, FileReceipt, StandbyPage, StandbyRecord, StandbyState
from node.national.instructions import ANSWER_KIND, MOST_INSTRUCTIONS, Answered, Instruction, Instructions, Order
from node.national.messages import (
    MOST_VERDICTS,
    Counts,
    Delivery,
    Heartbeat,
    Message,
    Refusal,
    Result,
    Results,
    Shape,
    Status,
    Verdict,
    Verdicts,
)
from node.national.signature import KeyPair
from node.packing import PackingDamaged, digest_unpacked, unpacked

_MOST_UNPACKED = 160 << 20
_SAMPLE = 1000
_OVERLAP = timedelta(hours=1)


class Refused(Exception):
    """An answer that is not a 200."""

    def __init__(self, status: int, code: str, reason: str, *, retry: bool = False) -> None:
        super().__init__(reason)
        self.status = status
        self.refusal = Refusal(code=code, reason=reason, retry=retry)


@dataclass(slots=True)
class Standby:
    """The state, the digest of every record by its name in comparison form, and some of the records themselves."""

    state: StandbyState = field(default_factory=StandbyState)
    digests: dict[str, str] = field(default_factory=dict)
    sample: dict[str, bytes] = field(default_factory=dict)
    arriving: dict[str, str] = field(default_factory=dict)
    pages: int = 0


@dataclass(slots=True)
class Memory:
    """``since``: verdicts and instructions are numbered from there, so that a later run has greater numbers."""

    prefix: str
    clock: Callable[[], datetime]
    since: int
    keys: dict[str, str] = field(default_factory=dict)
    successors: dict[str, KeyPair] = field(default_factory=dict)
    applications: dict[UUID, Application] = field(default_factory=dict)
    granted: dict[UUID, KeyPair] = field(default_factory=dict)
    messages: dict[UUID, Message] = field(default_factory=dict)
    heartbeats: list[Heartbeat] = field(default_factory=list)
    counts: list[Counts] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    instructions: list[Instruction] = field(default_factory=list)
    answers: dict[UUID, list[Answered]] = field(default_factory=dict)
    files: list[FileManifest] = field(default_factory=list)
    standby: Standby = field(default_factory=Standby)
    faults: list[str] = field(default_factory=list)

    # Access -----------------------------------------------------------------------------------------

    def apply(self, application: Application) -> ApplicationStatus:
        known = self.applications.setdefault(application.application_id, application)
        if known != application:
            self.faults.append("POST /v1/applications: the same number with other content")
            raise Refused(409, "application_differs", "此编号的申请内容不同 / another application has this number")
        return ApplicationStatus(
            application_id=application.application_id, state=self._state_of(application.application_id)
        )

    def status_of(self, application_id: UUID) -> ApplicationStatus:
        keys = self.granted.get(application_id)
        if keys is None:
            return ApplicationStatus(application_id=application_id, state=ApplicationState.PENDING)
        key = IssuedKey(access_key=keys.access_key, secret_key=keys.secret_key)
        enterprise = {"name": "对接测试企业", "credit_code": "91442000MAD0000198"}
        return ApplicationStatus(
            application_id=application_id,
            state=ApplicationState.APPROVED,
            prefix=self.prefix,
            key=key,
            enterprise=enterprise if self.prefix.count(".") > 1 else {},
        )

    def _state_of(self, application_id: UUID) -> ApplicationState:
        return ApplicationState.APPROVED if application_id in self.granted else ApplicationState.PENDING

    def approve(self, application_id: UUID) -> KeyPair:
        """The key pair that its applicant will read."""
        keys = self.granted[application_id] = self._new_keys()
        return keys

    def succeed(self, access_key: str) -> IssuedKey:
        """The successor of a key pair; the same until it was used (then its own is asked for)."""
        keys = self.successors.get(access_key)
        if keys is None:
            keys = self.successors[access_key] = self._new_keys()
        return IssuedKey(
            access_key=keys.access_key, secret_key=keys.secret_key, previous_expires_at=self.clock() + _OVERLAP
        )

    def secret_of(self, access_key: str) -> str | None:
        """The secret of a key pair, or of an application by its number."""
        if access_key in self.keys:
            return self.keys[access_key]
        try:
            application = self.applications.get(UUID(access_key))
        except ValueError:
            return None
        return application.secret if application else None

    def _new_keys(self) -> KeyPair:
        keys = KeyPair(f"docking-{secrets.token_hex(6)}", secrets.token_urlsafe(32))
        self.keys[keys.access_key] = keys.secret_key
        return keys

    # Reports ----------------------------------------------------------------------------------------

    def deliver(self, delivery: Delivery) -> Results:
        """Every message accepted once."""
        results = []
        for message in delivery.messages:
            new = self.messages.setdefault(message.message_id, message) is message
            results.append(Result(message_id=message.message_id, status=Status.ACCEPTED if new else Status.DUPLICATE))
            if new and message.kind == ANSWER_KIND:
                self._note_answer(message)
        return Results(results=results)

    def _note_answer(self, message: Message) -> None:
        try:
            answered = msgspec.json.decode(message.body, type=Answered)
        except msgspec.MsgspecError as error:
            self.faults.append(f"{ANSWER_KIND}: {error}")
            return
        self.answers.setdefault(answered.instruction_id, []).append(answered)

    def verdicts_after(self, after: int) -> Verdicts:
        return Verdicts(verdicts=[each for each in self.verdicts if each.sequence > after][:MOST_VERDICTS])

    def judge(self, prefix: str, *, passed: bool, reason: str, application: int = 0) -> Verdict:
        """A new verdict."""
        verdict = Verdict(
            sequence=self.next_sequence(),
            prefix=prefix,
            passed=passed,
            reason=reason,
            at=self.clock(),
            application=application,
        )
        self.verdicts.append(verdict)
        return verdict

    def instructions_after(self, after: int) -> Instructions:
        newer = [each for each in self.instructions if each.sequence > after]
        return Instructions(instructions=newer[:MOST_INSTRUCTIONS])

    def instruct(self, kind: Order | str, body: Shape | dict[str, object]) -> Instruction:
        """A new instruction."""
        content = msgspec.Raw(msgspec.json.encode(body))
        instruction = Instruction(
            sequence=self.next_sequence(), instruction_id=uuid4(), kind=kind, body=content, issued_at=self.clock()
        )
        self.instructions.append(instruction)
        return instruction

    def next_sequence(self) -> int:
        """Of a verdict or an instruction."""
        self.since += 1
        return self.since

    # Bulk -------------------------------------------------------------------------------------------

    def take_file(self, target: str, said: str, content: bytes) -> FileReceipt:
        """Checked against its manifest and the file before it."""
        try:
            text = base64.urlsafe_b64decode(said + "=" * (-len(said) % 4))
            manifest = msgspec.json.decode(text, type=FileManifest)
            unpacked_digest = "" if manifest.kind == "escrow" else digest_unpacked(content, 1 << 30).hex()
        except (binascii.Error, ValueError, msgspec.MsgspecError, PackingDamaged) as error:
            raise self._fault(400, "file_malformed", f"PUT /v1/files: {error}") from None
        if not manifest.sha256 == target == hashlib.sha256(content).hexdigest():
            raise self._fault(400, "file_digest_wrong", "PUT /v1/files: the digests of path, manifest, bytes differ")
        if manifest.kind != "escrow" and manifest.content_sha256 != unpacked_digest:
            raise self._fault(400, "file_digest_wrong", "PUT /v1/files: content_sha256 is not that of the content")
        known = any(file.sha256 == target for file in self.files)
        last = next((file for file in reversed(self.files) if file.kind == manifest.kind), None)
        follows = last is None or (manifest.number, manifest.previous_sha256) == (last.number + 1, last.sha256)
        # A node that was restored from before its newest file begins anew behind a gap.
        anew = last is not None and manifest.number > last.number + 1 and not manifest.previous_sha256
        if not (known or follows or anew):
            raise self._fault(409, "file_out_of_chain", f"PUT /v1/files: {manifest.number} does not follow")
        if not known:
            self.files.append(manifest)
        return FileReceipt(
            sha256=target, bytes=len(content), received_at=self.clock(), known=known, receipt=f"docking-test {target}"
        )

    def take_page(self, page: bytes) -> StandbyState:
        """One page of standby records, as they must come."""
        try:
            first, _, rest = unpacked(page, _MOST_UNPACKED).partition(b"\n")
            head = msgspec.json.decode(first, type=StandbyPage)
            records = [msgspec.json.decode(line, type=StandbyRecord) for line in rest.splitlines() if line]
        except (PackingDamaged, msgspec.MsgspecError) as error:
            raise self._fault(400, "standby_page_malformed", f"PUT /v1/standby: {error}") from None
        if head.rows != len(records):
            raise self._fault(
                400, "standby_page_malformed", f"PUT /v1/standby: {head.rows} rows, {len(records)} came"
            )
        standby, state = self.standby, self.standby.state
        if head.kind == "changes":
            if state.snapshot_id is not None or state.position != head.since:
                raise Refused(409, "standby_out_of_step", f"the records go to {state.position}, not {head.since}")
            self._put(standby.digests, records)
            standby.state = StandbyState(position=head.to, records=len(standby.digests))
        else:
            if head.snapshot_id != state.snapshot_id:
                if head.after or head.snapshot_id is None:
                    raise Refused(409, "standby_out_of_step", "this snapshot is not under way")
                standby.arriving = {}
            elif (head.after, head.to) != (state.snapshot_after, state.snapshot_position):
                raise Refused(409, "standby_out_of_step", f"the snapshot goes on after {state.snapshot_after!r}")
            names = [head.after, *(fold(record.name) for record in records)]
            if any(before.encode() >= after.encode() for before, after in pairwise(names)):
                raise self._fault(400, "standby_page_malformed", "PUT /v1/standby: names do not ascend")
            self._put(standby.arriving, records)
            self._advance(head, records)
        standby.pages += 1
        return standby.state

    def _advance(self, head: StandbyPage, records: list[StandbyRecord]) -> None:
        standby = self.standby
        if head.last:
            standby.digests, standby.arriving = standby.arriving, {}
            standby.sample = {key: record for key, record in standby.sample.items() if key in standby.digests}
            standby.state = StandbyState(position=head.to, records=len(standby.digests))
            return
        after = fold(records[-1].name) if records else head.after
        standby.state = msgspec.structs.replace(
            standby.state, snapshot_id=head.snapshot_id, snapshot_position=head.to, snapshot_after=after
        )

    def _put(self, into: dict[str, str], records: list[StandbyRecord]) -> None:
        own = fold(self.prefix)
        for record in records:
            key = fold(record.name)
            if not key.startswith((f"{own}.", f"{own}/")):
                self.faults.append(f"PUT /v1/standby: {record.name} lies outside {self.prefix}")
            if not record.record:
                into.pop(key, None)
                self.standby.sample.pop(key, None)
                continue
            into[key] = hashlib.sha256(record.record).hexdigest()
            if key in self.standby.sample or len(self.standby.sample) < _SAMPLE:
                self.standby.sample[key] = record.record

    def _fault(self, status: int, code: str, words: str) -> Refused:
        self.faults.append(words)
        return Refused(status, code, words)
