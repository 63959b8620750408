"""Labels that anybody can print: a code is text for the hub, never a command for a machine, a topic or a terminal."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from controller import logs
from controller.commands import barcode, decode, status, tail, trace
from controller.commands._texts import settings as settings_of
from controller.commands._where import JOURNAL
from controller.journal_rows import Batch
from controller.status import status as status_of
from devices.codes import PROGRAMS
from devices.driver import load
from devices.links import Health
from devices.types import Command, Garbled, HandAnswer, Item, Kept, Message, Read, Trigger
from firmware_stubs.stub import Message as Published
from tests.ears import ALL_KINDS, KINDS, READERS, conversation_settings, settings_groups
from tests.floor_fixture import DOCK, TUNNEL, advice
from tests.test_journal import opened
from tests.test_node import Daemon, arrv, indu
from tests.transcripts import WIRE

MARK = "ZQX7"
"""Stands in every code, so that it is found wherever it goes."""

CODE = "RB123456785GB"
"""Stands in every transcript of what says codes."""

PRINTABLE = {
    "formula": '=cmd|"/C calc"!A0 ZQX7',
    "plus": "+ZQX7",
    "minus": "-2+3+ZQX7",
    "at": "@SUM(ZQX7)",
    "html": "<script>alert('ZQX7')</script>",
    "json": '"},{"ZQX7":"',
    "backslash": "ZQX7\\",
    "backslash u": "\\u001b[2J ZQX7",
    "wildcards": "+/#/ZQX7/$SYS",
    "levels": "../../event/alarm/raised/ZQX7",
    "sql": "'; DROP TABLE events; --ZQX7",
    "format": "%s%n{0}${jndi:ldap://ZQX7}",
    "toml": '"""[broker] ZQX7',
    "letters": "ZQX7 ÄÖ 包裹",
    "long": "ZQX7" * 20,
}
"""Codes that are codes, whatever somebody else might take them for."""

CONTROL = {
    "ansi": "\x1b[2J\x1b]0;ZQX7\x07",
    "cr lf": "ZQX7\r\nfloord: all is well",
    "nul": "ZQX7\x00",
    "stop": "ZQX7\x13",
    "delete": "ZQX7\x7f",
    "c1": "ZQX7\u009b2J",
    "datalogic": "\x1b[CZQX7",
    "honeywell": "\x16M\rZQX7.",
    "record separator": "ZQX7\x1e",
}
PROGRAMMING = {"dmcc": "||>SET ZQX7 1", "dmcc checked": "||1:7>TRIGGER ON ZQX7", "dmcc id": "||0:7>ZQX7"}
DIRECTION = {"bidi": "ZQX7\u202e\u2066", "line": "ZQX7\u2028\u2029", "zero width": "ZQX7\u200b\ufeff"}
"""Letters to a code, but nothing that a terminal should be told."""

CODES = PRINTABLE | CONTROL | PROGRAMMING | DIRECTION
TYPED = {name: code for name, code in CODES.items() if "\0" not in code}
"""No program can be given a NUL."""
every_typed_code = pytest.mark.parametrize("code", TYPED.values(), ids=TYPED.keys())
TOPIC = re.compile(r"hub/v1/lgg(/[A-Za-z0-9_-]{1,64}){2,5}")


def fit_for_a_terminal(text: str) -> bool:
    """Nothing but text and ends of lines."""
    return all(line.isprintable() for line in text.split("\n"))


class Hub(Daemon):
    """The small floor with all codes read at every reader, in the tunnel with an item of their own."""

    def __init__(self, *changes: str) -> None:
        super().__init__(*changes)
        self.topics: list[str] = []
        self.bodies: list[bytes] = []
        self.written = b""
        self.up()
        self.node.link_up(DOCK, self.now)

    def take(self) -> list[tuple[str, str, int]]:
        found = super().take()
        assert self.node.take(TUNNEL) == b""
        return found

    def everything(self) -> None:
        """Each code at the dock, then on an item with advice for it, then on one without."""
        aliases = list(CODES.values())
        for number, some in enumerate((aliases[:15], aliases[15:])):
            self.say("advice", advice(f"P{number}").model_dump() | {"aliases": some})
        for track, code in enumerate([*CODES.values(), *CODES.values()], start=1):
            self.node.received(DOCK, b"\x02" + code.encode() + b"\x03", self.now)
            self.event("INDU", indu(track))
            self.read(code, 1200)
            self.event("ARRV", arrv(track))
            self.answer("DEST")
            self.now += 500
            self.node.tick(self.now)
            self.take()
            self.tell()
        self.event("STAT", f"{'S1-L01':.<12}FULL..{MARK}00000")
        self.tell()

    def tell(self) -> None:
        """Commit and publish everything there is."""
        while batch := self.node.rows():
            self.topics += [row.topic for row in batch.events]
            self.bodies += [row.body for row in batch.events]
            self.durable(batch)
        for publish in self.node.publishes(self.now):
            self.topics.append(publish.topic)
            self.bodies.append(publish.payload)
            if publish.key:
                self.node.puback(publish.key, 0, self.now)


@pytest.fixture(scope="module")
def hub() -> Hub:
    hub = Hub()
    hub.everything()
    return hub


# --- what leaves the node ---------------------------------------------------------------------------------------------


def test_no_topic_has_anything_of_it(hub: Hub) -> None:
    assert len(hub.topics) > 2 * len(CODES)
    assert [topic for topic in hub.topics if not TOPIC.fullmatch(topic) or MARK in topic] == []


def test_events_are_json_with_the_text_intact(hub: Hub) -> None:
    told = [json.loads(body) for body in hub.bodies]
    codes = [one["data"].get("code") for one in told if one.get("type") == "hubfloor.parcel.read.v1"]
    for code in (PRINTABLE | DIRECTION).values():
        assert codes.count(code) >= 2, code
    assert {code for code in codes if code} <= set((PRINTABLE | DIRECTION).values())


def test_what_programs_a_scanner_raises_an_alarm(hub: Hub) -> None:
    raised = [row for row in hub.events("alarm/raised") if row["subject"].startswith("alarm/programming-code-")]
    assert {row["subject"] for row in raised} == {f"alarm/programming-code-{reader}" for reader in (TUNNEL, DOCK)}


def test_nothing_of_it_is_said_to_the_plc(hub: Hub) -> None:
    assert hub.out.count(b"DEST") >= len(CODES)
    assert MARK.encode() not in hub.out


# --- hands ------------------------------------------------------------------------------------------------------------

HANDS = (
    'kind = "line"\nlink = "tcp://127.0.0.1:2113"\npoint = "DOCK"\nprefix = "\\u0002"\nsuffix = "\\u0003"'
    ' => kind = "mqtt_scan"\nlink = "mqtt://127.0.0.1:1"\npoint = "DOCK"'
)


def test_a_hand_is_answered_without_any_of_it() -> None:
    """Neither the code, nor what the terminal says in place of its ids, comes back, or into a topic."""
    hub = Hub(HANDS)
    said: list[Message] = []

    def scan(device: str, **fields: object) -> None:
        fields = {"scan": f"s{len(said)}", "code": "RB123456785GB", "process": "load", **fields}
        hub.node.received(DOCK, Message(f"handheld/{device}/scan", json.dumps(fields).encode()), hub.now)
        hub.now += 100
        hub.tell()
        taken = hub.node.take(DOCK)
        assert isinstance(taken, list)
        said.extend(taken)

    hub.say("advice", advice("P1").model_dump() | {"aliases": list(PRINTABLE.values())})
    for code in CODES.values():
        scan("HT-07", code=code)
    answered = len([one for one in said if one.topic == "handheld/HT-07/answer"])
    assert answered == len(CODES)
    for code in CODES.values():
        for field in ("scan", "process", "station", "actor", "target", "time", "symbology", "stored"):
            scan("HT-07", **{field: code})
        scan(code)
    assert [one for one in said if MARK in one.topic] == []
    assert [one for one in said if MARK.encode() in one.payload] == []
    assert [topic for topic in hub.topics if not TOPIC.fullmatch(topic) or MARK in topic] == []
    assert all(json.loads(body) for body in hub.bodies)


# --- what a person sees -----------------------------------------------------------------------------------------------


def test_the_log_is_text(hub: Hub) -> None:
    out, into = os.pipe()
    log = logs.Log(into)
    said = [*hub.node.alarmed(), *CODES.values(), *(str(body) for body in hub.bodies[:50])]
    for text in said:
        log.say(f"tunnel-1: {text}")
    assert log.close()
    os.close(into)
    with os.fdopen(out, "rb") as pipe:
        lines = pipe.read().decode().split("\n")
    assert lines.pop() == ""
    assert all(line.startswith("floord: ") and line.isprintable() for line in lines)
    assert sum(MARK in line for line in lines) >= len(CODES)


@pytest.fixture(scope="module")
def state(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A daemon's folder, with the journal of all that."""
    folder = tmp_path_factory.mktemp("state")
    with opened(folder / JOURNAL) as journal:
        journal.commit(Batch(events=[hub.journal.rows[seq] for seq in sorted(hub.journal.rows)]))
    return folder


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_tail_prints_text(state: Path, options: list[str]) -> None:
    done = CliRunner().invoke(tail.command, ["--since", "1", "--floor", str(state), *options])
    assert done.exit_code == 0, done.output
    assert fit_for_a_terminal(done.output)
    assert done.output.count(MARK) > len(CODES)
    for line in done.stdout.splitlines() if options else ():
        assert json.loads(line)["sequence"]


@pytest.mark.parametrize("options", [[], ["--json"]])
@every_typed_code
def test_trace_prints_text(state: Path, code: str, options: list[str]) -> None:
    done = CliRunner().invoke(trace.command, ["--floor", str(state), *options, "--", code], env={"COLUMNS": "80"})
    assert fit_for_a_terminal(done.output)
    assert MARK in done.output or done.exit_code == 1


def test_status_prints_text(hub: Hub) -> None:
    """Whatever a device, a broker or a library said why."""
    why = "".join(CONTROL.values()) + "".join(DIRECTION.values())
    health = {port: Health(why=why) for port in hub.node.ports}
    hub.node.drivers[TUNNEL].counters.bad(why)
    found: Any = status_of(hub.node, health, hub.now)
    found["broker"] |= {"online": False, "why": why}
    found |= {"alarms": {"programming-code-tunnel-1": why}, "disk": why}
    try:
        assert fit_for_a_terminal("\n".join(status.shown(found, 80)))
        assert fit_for_a_terminal("\n".join(status.of_device(TUNNEL, found["links"][TUNNEL], 80)))
    finally:
        del hub.node.drivers[TUNNEL].counters.garbled[why]


@every_typed_code
def test_barcode_prints_text(code: str) -> None:
    done = CliRunner().invoke(barcode.command, ["--", code])
    assert done.exit_code in (0, 1)
    assert fit_for_a_terminal(done.output)


# --- every kind of reader ---------------------------------------------------------------------------------------------


def carries(kind: str) -> bool:
    """Whether it says codes as they are; a scale alone does not, nor a portal."""
    text = (WIRE / f"{kind}.txt").read_text()
    return CODE in text or CODE.encode().hex(" ").upper() in text


class Reader:
    """The stub of a kind and its driver on one wire."""

    def __init__(self, kind: str) -> None:
        self.texts = settings_groups(kind)[0] if kind in KINDS else conversation_settings(kind)[0]
        stubs = importlib.import_module(f"firmware_stubs.{ALL_KINDS[kind]}.{kind}")
        known = {field.name for field in dataclasses.fields(stubs.Settings)}
        shared = tuple(text for text in self.texts if text.split("=")[0] in known)
        self.stub = stubs.Scanner(settings_of(stubs.Settings, shared), 1, 0.0)
        module = load(kind)
        self.driver = module.Driver(settings_of(module.Settings, self.texts))
        self.now = 0.0
        self.heard: list[bytes | Message] = []
        self.items: list[Item] = []
        self.written: list[str] = []
        self.driver.opened(0.0, Kept())
        self.stub.opened(0.0)
        self._turn()

    def show(self, code: bytes) -> None:
        """An item passes with this code on it; then commands are sent, and time passes."""
        self.stub.gate([code], self.now)
        self._turn()
        commands: list[Command] = [Trigger(True), Trigger(False)]
        for item in self.items:
            hand = getattr(item, "hand", None)
            if isinstance(item, Read) and hand is not None:
                commands.append(HandAnswer(item.reader, hand.ref, "ok", "to lane 7", "short"))
        for command in commands:
            try:
                self.driver.send(command, self.now, None)
            except TypeError:
                pass
            self._turn()
        for _ in range(6):
            self.now += 700.0
            self.stub.tick(self.now)
            self._took(self.driver.tick(self.now))
            self._turn()

    def _turn(self) -> None:
        """What each has to say goes to the other, until both are silent."""
        for _ in range(20):
            said = self.stub.take()
            pieces = [said] if isinstance(said, bytes) else [Message(one.topic, one.payload) for one in said]
            for piece in pieces if said else ():
                self.heard.append(piece)
                self._took(self.driver.feed(piece, self.now))
            taken = self.driver.take()
            if taken:
                self.written.append(repr(taken))
            answers = [taken] if isinstance(taken, bytes) else [Published(one.topic, one.payload) for one in taken]
            for answer in answers if taken else ():
                self.stub.feed(answer, self.now)
            if not said and not taken:
                return

    def _took(self, items: Iterator[Item]) -> None:
        for item in items:
            self.items.append(item)
            if getattr(item, "token", None) is not None:
                self.driver.confirm(item.token, self.now)  # type: ignore[union-attr]  # it has one


def shown(kind: str) -> Reader:
    reader = Reader(kind)
    for code in CODES.values():
        reader.show(code.encode())
    return reader


@pytest.mark.parametrize("kind", READERS)
def test_nothing_of_a_code_is_ever_said_to_a_device(kind: str) -> None:
    reader = shown(kind)
    assert (MARK in repr(reader.heard)) == carries(kind)
    assert [text for text in reader.written if MARK in text] == []
    for item in reader.items:
        assert not isinstance(item, Garbled) or len(item.raw) <= 64
        if isinstance(item, Read):
            assert item.text.replace("\x1d", "").isascii() or item.encoding
            assert not any(text < " " or "\x7f" <= text < "\xa0" for text in item.text.replace("\x1d", ""))
            assert item.text != PROGRAMS[0]
            assert not item.text.startswith(PROGRAMS[1:])


@pytest.mark.parametrize("kind", READERS)
def test_decode_prints_text(kind: str) -> None:
    reader = shown(kind)
    if kind in KINDS:
        wire = "\n".join(piece.hex() for piece in reader.heard if isinstance(piece, bytes))
    else:
        said = [piece for piece in reader.heard if isinstance(piece, Message)]
        wire = "\n".join(f"{piece.topic} {piece.payload.hex()}" for piece in said)
    words = [kind, *(word for text in reader.texts for word in ("--set", text))]
    done = CliRunner().invoke(decode.command, [*words, *(() if kind in KINDS else ("--hex",))], input=wire)
    assert done.exit_code == 0, done.output
    assert (MARK in done.stdout or MARK.encode().hex() in done.stdout) == carries(kind)
    assert fit_for_a_terminal(done.output)
    assert all(json.loads(line)["item"] for line in done.stdout.splitlines())
