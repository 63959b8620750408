"""DataMan, Keyence and CubiScan stubs: each frame of a host is understood as its transcript means it.

And what the stubs say of an item stands in the transcripts, which judge their drivers.
"""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

import pytest

from controller.commands._texts import settings as settings_of
from firmware_stubs.scales import cubiscan, mda
from firmware_stubs.scanners import dataman, keyence_sr
from firmware_stubs.stub import Measures
from tests import transcripts
from tests.transcripts import Recorded

FAMILIES = {"dataman": "scanners", "keyence_sr": "scanners", "cubiscan": "scales"}
FRAMES = [(kind, frame) for kind in FAMILIES for frame in transcripts.read(f"{kind}_host")]
of_kind = {kind: [frame for one, frame in FRAMES if one == kind] for kind in FAMILIES}


def stub(kind: str, texts: tuple[str, ...]) -> Any:
    """The machine that these settings of the line belong to, as far as it has them."""
    module = importlib.import_module(f"firmware_stubs.{FAMILIES[kind]}.{kind}")
    known = {field.name for field in dataclasses.fields(module.Settings)}
    chosen = settings_of(module.Settings, tuple(text for text in texts if text.split("=")[0] in known))
    return module.Scanner(chosen, 1, 0.0)


def tell(machine: Any, data: bytes) -> bytes:
    machine.feed(data, 0.0)
    return bytes(machine.take())


def meant(frame: Recorded) -> str:
    return frame.meaning.split(":")[0]


def of(kind: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("frame", of_kind[kind], ids=str)


@pytest.mark.parametrize(("kind", "frame"), FRAMES, ids=[f"{kind} {frame}" for kind, frame in FRAMES])
def test_in_one_piece_and_byte_by_byte(kind: str, frame: Recorded) -> None:
    drop = stub(kind, frame.settings)
    whole = tell(stub(kind, frame.settings), frame.raw)
    assert b"".join(tell(drop, bytes((byte,))) for byte in frame.raw) == whole


@of("dataman")
def test_dataman(frame: Recorded) -> None:
    scanner = stub("dataman", frame.settings)
    assert isinstance(scanner, dataman.Scanner)
    before = tell(
        scanner, b"||>GET COM.DMCC-RESPONSE\r\n||>TRIGGER %s\r\n" % (b"ON" if "OFF" in frame.meaning else b"OFF")
    )
    assert before == b"||[0]1\r\n||[0]\r\n"
    said = tell(scanner, frame.raw)
    command, _, number = meant(frame).partition(" id=")
    head = f"||{frame.raw[2:3].decode()}:{number}[0]".encode() if number else b"||[0]"
    values = {"GET SYMBOL.DATAMATRIX": b"ON", "GET DEVICE.TYPE": b"DM375"}
    if command == "SET COM.DMCC-RESPONSE 0":
        assert said == b""
    else:
        assert said.startswith(head + values.get(command, b""))
    assert scanner.triggered == (command == "TRIGGER ON" or (command[:3] == "SET" and "OFF" in command))
    if command.startswith("SET"):
        _, name, value = command.split()
        assert tell(scanner, f"||>GET {name}\r\n".encode()).rstrip().endswith(value.encode())


@of("keyence_sr")
def test_keyence(frame: Recorded) -> None:
    scanner = stub("keyence_sr", frame.settings)
    assert isinstance(scanner, keyence_sr.Scanner)
    stx = frame.raw[:1] == b"\x02"
    head = frame.raw[:5] if frame.raw[:1] == b"%" else b""
    closing = meant(frame) == "LOFF"
    if closing:
        opening = head + b"LON"
        tell(scanner, b"\x02" + opening + b"\x03" if stx else opening + b"\r")
        assert scanner.reading
    said = tell(scanner, frame.raw)
    if meant(frame) == "-":
        assert (said, scanner.reading) == (b"", [])
        return
    if meant(frame).startswith("ER"):
        assert said == b"ER,LXN,00\r"
        return
    assert bool(scanner.reading) == (not closing)
    expected = head + b"OK" if head else b"OK," + meant(frame).encode()
    assert said.startswith(b"\x02" + expected + b"\x03" if stx else expected + b"\r")


@of("cubiscan")
def test_cubiscan(frame: Recorded) -> None:
    said = tell(stub("cubiscan", frame.settings), frame.raw)
    assert said[:4] == b"\x02MAH" if meant(frame) == "M" else said == b"\x02?N\x03\r\n"


def test_each_meaning_is_there() -> None:
    assert {meant(frame).split()[0] for frame in of_kind["dataman"]} == {"TRIGGER", "GET", "SET"}
    assert {meant(frame) for frame in of_kind["keyence_sr"]} >= {"LON", "LOFF", "-"}
    assert {meant(frame) for frame in of_kind["cubiscan"]} == {"M", "?"}


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("dataman", ("response=silent",)),
        ("dataman", ("response=extended",)),
        ("keyence_sr", ("framing=cr", "replies=true")),
        ("keyence_sr", ("framing=stx",)),
        ("keyence_sr", ("address=3",)),
    ],
)
def test_what_a_stub_says_of_an_item_stands_in_its_transcript(kind: str, keys: tuple[str, ...]) -> None:
    written = {frame.raw: frame for frame in transcripts.read(kind) if set(keys) <= set(frame.settings)}
    machine = stub(kind, keys)
    for codes, meaning in (([b"RB123456785GB"], "read RB123456785GB"), ([], "no_read")):
        machine.gate(codes, 0.0)
        assert written[machine.take()].meaning.split(":")[0] == meaning


def test_what_measuring_stubs_say_stands_in_their_transcripts() -> None:
    written = {kind: [frame.raw for frame in transcripts.read(kind)] for kind in ("mda", "cubiscan")}
    analyzer = mda.Scanner(mda.Settings(object="track"), 1, 0.0)
    analyzer.measure(Measures(81_212, "A", "", 321, 150, 87, "A"), 0.0)
    analyzer.gate([b"1JVGL0012345"], 0.0, 145)
    assert analyzer.take() in written["mda"]
    scale = cubiscan.Scanner(cubiscan.Settings(), 1, 0.0)
    scale.measure(Measures(12_340, "A", "", 405, 300, 201, "A"), 0.0)
    scale.gate([], 0.0)
    assert tell(scale, b"\x02M\x03\r\n") in written["cubiscan"]
    assert tell(scale, b"\x02Q\x03\r\n") in written["cubiscan"]
