"""What passes between the world and its wires: what the tap tells of it, and what waits while the world stands."""

from __future__ import annotations

import binascii
import json
from typing import Any

import pytest

from firmware_stubs import traffic
from firmware_stubs.api.watch import Listener
from firmware_stubs.bad_line import Faults
from firmware_stubs.coupling import Listener as Recorder
from firmware_stubs.stub import Piece, as_bytes
from firmware_stubs.traffic import Traffic
from firmware_stubs.wire import Job
from tests.api_rig import Rig


class FakeWire:
    """A cable whose other end is the test."""

    where, dropped = "/run/s1", 0

    def __init__(self) -> None:
        self.written = b""

    def jobs(self) -> list[Job]:
        return []

    def write(self, piece: Piece) -> None:
        self.written += as_bytes(piece)

    def hang_up(self) -> None: ...

    def close(self) -> None: ...

    def unplug(self) -> None: ...

    async def plug(self) -> None: ...

    def flow(self, stopped: bool) -> None: ...


class Tapped:
    """A rig with a wire at the PLC of S1, and a reader of all that passes there."""

    def __init__(self) -> None:
        self.rig = rig = Rig()
        self.wire = FakeWire()
        self.traffic = Traffic(
            rig.world,
            rig.clock,
            rig.cables,
            (rig.watch, Recorder()),
            lambda act: act(),
            (lambda: None, lambda: None),
            lambda job, name: pytest.fail("no job is needed"),
            centre_heard=False,
        )
        self.side = self.traffic.side(["s1"])
        self.traffic.add(self.wire, ["s1"])
        self.listener = Listener(lambda: None, wire=True, ledger=False)
        rig.watch.listeners.add(self.listener)

    @property
    def in_session(self) -> bool:
        """Whether the PLC has its controller."""
        session: bool = self.rig.operator.state()["stubs"]["s1"]["in_session"]
        return session

    def told(self) -> list[tuple[str, bytes]]:
        entries: list[dict[str, Any]] = [json.loads(line)["wire"] for line in self.listener.take().splitlines()]
        return [(entry["from"], bytes.fromhex(entry["hex"])) for entry in entries]


def hello(plc: str = "S1") -> bytes:
    """SYES of the telegram encoding: with it a controller begins its session."""
    body = "00000001" + "0000" + "000000"
    text = f"1HUB.{plc:.<4}SYESR00030001{len(body):03}{body}".encode()
    return b"\x02%s%04X\x03" % (text, binascii.crc_hqx(text, 0xFFFF))


def test_the_tap_tells_what_the_other_end_says_and_hears() -> None:
    tapped = Tapped()
    tapped.side.heard(hello())
    tapped.traffic.carry()
    assert tapped.wire.written
    assert tapped.told() == [("host", hello()), ("device", tapped.wire.written)]


def test_of_a_faulty_cable_the_tap_tells_what_floords_port_knows() -> None:
    tapped = Tapped()
    tapped.rig.cables.set("s1", "from_stub", Faults(lost=1.0), tapped.rig.clock.now())
    tapped.side.heard(hello())
    tapped.traffic.carry()
    assert tapped.told() == [("host", hello())], "the answer was lost before it came to the port"
    assert tapped.in_session
    other = Tapped()
    other.rig.cables.set("s1", "from_host", Faults(lost=1.0), other.rig.clock.now())
    other.side.heard(hello())
    other.traffic.carry()
    assert other.told() == [("host", hello())], "the port said it"
    assert not other.in_session


def test_what_comes_while_the_world_stands_waits() -> None:
    tapped = Tapped()
    clock, talk = tapped.rig.clock, tapped.rig.watch.talks["s1"]
    clock.pause()
    tapped.side.heard(hello()[:9])
    tapped.side.heard(hello()[9:])
    tapped.traffic.carry()
    assert (tapped.wire.written, talk.heard, tapped.in_session) == (b"", len(hello()), False)
    clock.resume()
    tapped.traffic.carry()
    assert tapped.wire.written, "both parts were heard, in order"
    assert (talk.said, tapped.in_session) == (len(tapped.wire.written), True)


def test_what_waits_is_bounded_and_said_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(traffic, "UNHEARD_MOST", 2)
    tapped = Tapped()
    tapped.rig.clock.pause()
    for _ in range(5):
        tapped.side.heard(b"x")
    assert capsys.readouterr().err.count("2 messages wait for its machines; what comes now is lost") == 1
