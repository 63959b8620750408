"""Scanners that take commands: whatever comes and whenever, nothing raises and each command ends exactly once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.driver import load
from devices.types import Answered, Garbled, GivenUp, Item, Kept, Trigger

KINDS: dict[str, list[dict[str, Any]]] = {
    "dataman": [{}, {"response": "silent", "check": "s10"}, {"base64": True, "checksum": True, "heartbeat_s": 3.0}],
    "keyence_sr": [
        {"framing": "stx"},
        {"framing": "stx", "replies": False},
        {"address": 3, "on_ms": 700.0},
    ],
    "honeywell": [{"code_id": "aim", "ack": "acknak", "setup": ("CBRENA1!", "232BAD?.")}, {"check": "s10"}],
}
PIECES = [
    *(
        b"\r\n",
        b"\x02",
        b"\x03",
        b"\x06",
        b"\x1a",
        b"||",
        b"||[1]A\r\n",
        b"||0:1[0]\r\n",
        b"||0:2[101]\r\n",
        b"||1:1[1]A",
    ),
    *(b"\x02OK,LON\x03", b"\x02ER,LOFF,20\x03", b"\x02A\x03", b"%T03-OK\r", b"%T03-NC\r", b"%P03-0001A\r", b"%P04-"),
    *(b"]C0A\r\n", b"CBRENA1\x06!", b"232bad9\x15.", b"CBRENA", b"NR\r\n"),
]
ACTS = st.one_of(
    st.tuples(st.just("feed"), st.one_of(st.sampled_from(PIECES), st.binary(max_size=20))),
    st.tuples(st.just("on"), st.sampled_from([None, 5.0, 900.0])),
    st.tuples(st.just("off"), st.sampled_from([None, 5.0, 900.0])),
    st.tuples(st.just("many"), st.none()),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 60.0, 600.0, 1000.0, 40_000.0])),
    st.tuples(st.just("due"), st.none()),
    st.tuples(st.sampled_from(["take", "confirm", "close", "open"]), st.none()),
)


class Run:
    """One driver, its clock, and what became of its commands."""

    def __init__(self, kind: str, chosen: dict[str, Any]) -> None:
        self.driver: Any = load(kind).Driver(load(kind).Settings(**chosen))
        self.now = 0.0
        self.sent: set[int] = set()
        self.ended: Counter[int] = Counter()
        self.token = (0, 0)
        self.is_open = False
        self.open()

    def hear(self, items: list[Item]) -> None:
        for item in items:
            if isinstance(item, Answered | GivenUp):
                self.ended[item.id] += 1
            if isinstance(item, Garbled):
                assert len(item.raw) <= 64
            self.token = getattr(item, "token", None) or self.token

    def act(self, what: str, how: Any) -> None:
        acts: dict[str, Callable[[], object]] = {
            "feed": lambda: self.hear([*self.driver.feed(how, self.now)]),
            "take": self.driver.take,
            "confirm": lambda: self.driver.confirm(self.token, self.now),
            "close": self.close,
            "open": self.open,
        }
        if what in ("feed", "take") and not self.is_open:
            return
        if what == "many":
            self.sent |= {self.driver.send(Trigger(bool(i % 2)), self.now, None) for i in range(20)}
        elif what in ("on", "off"):
            expires = None if how is None else self.now + how
            self.sent.add(self.driver.send(Trigger(what == "on"), self.now, expires))
        elif what in ("wait", "due"):
            self.now = max(self.now, self.driver.next_at() or self.now) if how is None else self.now + how
            self.hear([*self.driver.tick(self.now)])
        else:
            acts[what]()

    def open(self) -> None:
        if not self.is_open:
            self.driver.opened(self.now, Kept(*self.token))
        self.is_open = True

    def close(self) -> None:
        if self.is_open:
            self.hear([*self.driver.closed(self.now)])
        self.is_open = False


@pytest.mark.parametrize(("kind", "chosen"), [(kind, one) for kind, all_of in KINDS.items() for one in all_of])
@given(acts=st.lists(ACTS, max_size=40))
@settings(max_examples=40)
def test_nothing_raises_and_each_command_ends_exactly_once(
    kind: str, chosen: dict[str, Any], acts: list[tuple[str, Any]]
) -> None:
    run = Run(kind, chosen)
    for what, how in acts:
        run.act(what, how)
    run.open()
    run.close()
    run.hear([*run.driver.tick(run.now)])
    assert run.ended == Counter(run.sent)


@pytest.mark.parametrize(("kind", "chosen"), [(kind, one) for kind, all_of in KINDS.items() for one in all_of])
@given(acts=st.lists(ACTS, max_size=15))
@settings(max_examples=20)
def test_a_driver_that_is_left_alone_comes_to_rest(
    kind: str, chosen: dict[str, Any], acts: list[tuple[str, Any]]
) -> None:
    """`tick` at `next_at` always gets on: it never asks for the same moment for ever."""
    run = Run(kind, chosen)
    for what, how in acts:
        run.act(what, how)
    end = run.now + 60_000.0
    for _ in range(300):
        run.act("take", None)
        due = run.driver.next_at()
        if due is None or due > end:
            break
        run.act("due", None)
    else:
        raise AssertionError("it never rests")
    assert run.ended == Counter(run.sent), "in a minute all have ended"


@pytest.mark.parametrize("chosen", KINDS["keyence_sr"])
@given(acts=st.lists(ACTS, max_size=30))
@settings(max_examples=60)
def test_the_light_of_a_keyence_is_off_when_it_is_left_alone(
    chosen: dict[str, Any], acts: list[tuple[str, Any]]
) -> None:
    run = Run("keyence_sr", chosen)
    written: list[bytes] = []
    for what, how in [*acts, ("open", None)]:
        if what == "take" and run.is_open:
            written.append(run.driver.take())
        run.act(what, how)
    for _ in range(200):
        written.append(run.driver.take())
        due = run.driver.next_at()
        if due is None or due > run.now + 60_000.0:
            break
        run.act("due", None)
    assert b"LOFF" in [frame for frame in written if b"LO" in frame][-1]
