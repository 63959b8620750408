"""The scanner stubs and the cable's faults against what the manuals print."""

from __future__ import annotations

import importlib
from functools import reduce
from operator import xor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.commands._texts import settings as settings_of
from firmware_stubs.bad_line import BadLine, Faults
from firmware_stubs.scales import cubiscan, mda
from firmware_stubs.scanners import line, sick_cola
from firmware_stubs.stub import Measures, ScannerStub
from tests import transcripts
from tests.test_bad_lines import faulty

# SICK CoLa telegrams by number: heard by the device, or said by it.
V = {
    name: bytes.fromhex(text)
    for name, text in {
        "A1": "02 73 4D 4E 20 6D 54 43 67 61 74 65 6F 6E 03",
        "A2": "02 73 41 4E 20 6D 54 43 67 61 74 65 6F 6E 20 31 03",
        "A3": "02 73 41 4E 20 6D 54 43 67 61 74 65 6F 6E 20 30 03",
        "A4": "02 73 4D 4E 20 6D 54 43 67 61 74 65 6F 66 66 03",
        "A5": "02 73 41 4E 20 6D 54 43 67 61 74 65 6F 66 66 20 31 03",
        "A6": "02 73 52 4E 20 53 43 64 65 76 69 63 65 73 74 61 74 65 03",
        "A7": "02 73 52 41 20 53 43 64 65 76 69 63 65 73 74 61 74 65 20 31 03",
        "A8": "02 73 52 4E 20 44 49 6F 72 6E 72 03",
        "A10": "02 73 46 41 20 32 03",
        "A11": "02 52 42 31 32 33 34 35 36 37 38 35 47 42 03",
        "A12": "02 4E 6F 52 65 61 64 03",
        "A14": "02 4E 6F 52 65 61 64 03 02 48 42 03 02 52 42 31 32 33 34 35 36 37 38 35 47 42 03",
        "A15": "02 73 4D 4E 20 43 68 65 63 6B 50 61 73 73 77 6F 72 64 20 33 20 31 39 32 30 45 34 43 39 03",
        "B1": "02 02 02 02 00 00 00 0D 73 4D 4E 20 6D 54 43 67 61 74 65 6F 6E 3C",
        "B2": "02 02 02 02 00 00 00 0F 73 41 4E 20 6D 54 43 67 61 74 65 6F 6E 20 01 11",
        "B5": "02 02 02 02 00 00 00 11 73 52 4E 20 53 43 64 65 76 69 63 65 73 74 61 74 65 30",
        # the answer printed for a TiM781
        "B-state": "02 02 02 02 00 00 00 13 73 52 41 20 53 43 64 65 76 69 63 65 73 74 61 74 65 20 01 1E",
    }.items()
}
CODE = b"RB123456785GB"


def sick(**keys: object) -> sick_cola.Scanner:
    return sick_cola.Scanner(sick_cola.Settings(**keys), 1, 0.0)  # type: ignore[arg-type]


def in_binary(body: bytes) -> bytes:
    return b"\x02\x02\x02\x02" + len(body).to_bytes(4, "big") + body + bytes((reduce(xor, body),))


def answer(scanner: ScannerStub, data: bytes, now: float = 0.0) -> bytes:
    scanner.feed(data, now)
    said = scanner.take()
    assert isinstance(said, bytes)
    return said


@pytest.mark.parametrize(
    ("dialect", "command", "said"),
    [
        ("a", V["A1"], V["A2"]),
        ("a", V["A4"], V["A5"]),
        ("a", V["A6"], V["A7"]),
        ("a", V["A8"], b"\x02sRA DIornr 1071419\x03"),
        ("a", V["A15"], b"\x02sAN CheckPassword 1\x03"),
        ("a", V["A15"].replace(b"C9", b"C8"), b"\x02sAN CheckPassword 0\x03"),
        ("a", b"\x02sMN mTCnothing\x03", V["A10"]),
        ("a", b"\x02sRN nothing\x03", b"\x02sFA 3\x03"),
        ("a", b"\x02sWN SCdevicestate 1\x03", b"\x02sFA 1\x03"),
        ("a", b"\x02hello\x03", b"\x02sFA 6\x03"),
        ("a", b"\x02sWN nothing 1\x03", b"\x02sFA 3\x03"),
        ("a", b"\x02sEN SCdevicestate 1\x03", b"\x02sEA SCdevicestate 1\x03"),
        ("a", b"\x02sEN LMDscandata 1\x03", b"\x02sFA 3\x03"),
        ("b", V["B1"], V["B2"]),
        ("b", V["B5"], V["B-state"]),
        ("both", V["B5"] + V["A6"] + V["B1"], V["B-state"] + V["A7"] + V["B2"]),
        ("a", V["B1"] + V["A6"], V["A7"]),  # not its dialect
        ("b", V["A1"] + V["B5"], V["B-state"]),
    ],
)
def test_sick_answers_whole_and_byte_by_byte(dialect: str, command: bytes, said: bytes) -> None:
    assert answer(sick(dialect=dialect), command) == said
    drop = sick(dialect=dialect)
    assert b"".join(answer(drop, bytes((byte,))) for byte in command) == said


def test_sick_order_number_in_binary_is_not_length_prefixed() -> None:
    said = answer(sick(dialect="b", order="1116198"), in_binary(b"sRN DIornr"))
    printed = "02 02 02 02 00 00 00 12 73 52 41 20 44 49 6F 72 6E 72 20 31 31 31 36 31 39 38 5B"  # for a LMS4000
    assert said == bytes.fromhex(printed)


def test_sick_login_in_binary() -> None:
    command = in_binary(b"sMN CheckPassword \x03\x19\x20\xe4\xc9")
    assert answer(sick(dialect="b"), command) == in_binary(b"sAN CheckPassword \x01")


def test_sick_refuses_to_be_triggered_when_not_set_so() -> None:
    assert answer(sick(by_command=False), V["A1"]) == V["A3"]


def test_sick_results_no_read_and_heartbeat() -> None:
    scanner = sick(heartbeat="HB", heartbeat_s=1.0)
    scanner.gate([CODE], 10.0)
    assert scanner.take() == V["A11"]
    scanner.gate([], 20.0)
    assert scanner.next_at() == 1020.0  # the interval began anew with the result
    scanner.tick(1020.0)
    scanner.gate([CODE], 1030.0)
    assert scanner.take() == V["A14"]
    assert scanner.said() == [CODE, None, CODE]
    assert scanner.said() == []


def test_sick_says_several_codes_as_one_frame_each() -> None:
    scanner = sick(delay_ms=30)
    scanner.gate([b"A", b"B"], 100.0)
    assert (scanner.take(), scanner.next_at(), scanner.said()) == (b"", 130.0, [])
    scanner.tick(130.0)
    assert (scanner.take(), scanner.next_at()) == (b"\x02A\x03\x02B\x03", None)


def test_sick_window_by_command_over_nothing_ends_with_no_read() -> None:
    scanner = sick()
    assert answer(scanner, V["A1"]) == V["A2"]
    assert answer(scanner, V["A4"]) == V["A5"] + V["A12"]
    assert answer(scanner, V["A4"]) == V["A5"]  # it was closed already
    answer(scanner, V["A1"])
    scanner.gate([CODE], 5.0)
    assert scanner.take() == V["A11"]
    assert answer(scanner, V["A4"], 10.0) == V["A5"]
    assert scanner.said() == [CODE]  # a commanded window is nobody's parcel


def test_sick_states() -> None:
    for state in (0, 1, 2):
        assert answer(sick(state=state), V["A6"]) == b"\x02sRA SCdevicestate %d\x03" % state
        assert answer(sick(state=state, dialect="b"), V["B5"]) == in_binary(b"sRA SCdevicestate " + bytes((state,)))


def test_sick_is_deaf_and_silent_after_power_on() -> None:
    scanner = sick(boot_ms=30_000.0, banner="\r\nCLV620 V6.10\r\n", heartbeat="HB", heartbeat_s=10.0)
    assert answer(scanner, V["A6"] + V["A1"], 10.0) == b""
    scanner.gate([CODE, b"X"], 20.0)
    assert (scanner.take(), scanner.said()) == (b"", [None, None])
    assert answer(scanner, V["A8"][:5], 29_999.0) == b""
    assert scanner.next_at() == 30_000.0
    scanner.tick(30_000.0)
    assert scanner.take() == b"\r\nCLV620 V6.10\r\n"
    assert answer(scanner, V["A8"][5:], 30_001.0) == b""  # its first half was not heard
    assert answer(scanner, V["A6"], 30_002.0) == V["A7"]
    assert scanner.next_at() == 40_000.0  # the heartbeat's interval began with the end of the boot
    assert answer(scanner, V["A4"], 30_003.0) == V["A5"]  # no window was opened in the boot


@pytest.mark.parametrize("dialect", ["a", "b", "both"])
@pytest.mark.parametrize(
    "rubbish",
    [
        b"\x00\xff\x7e",
        b"\x02sRN SCdev\x02",
        b"\x02\x02\x02\x02\x7f\xff\xff\xff",
        b"\x02\x02\x02\x02\x00\x00\x00\x05abcde\x00",
        b"\x02" * 50_001,
        b"\x02" + b"A" * 100_000,
    ],
)
def test_sick_finds_the_next_command_behind_rubbish(dialect: str, rubbish: bytes) -> None:
    scanner = sick(dialect=dialect)
    answer(scanner, rubbish)
    command, said = (V["A6"], V["A7"]) if dialect == "a" else (V["B5"], V["B-state"])
    assert answer(scanner, command, 201.0).endswith(said)


def test_sick_silence_ends_half_a_command() -> None:
    scanner = sick()
    assert answer(scanner, V["A6"][:9], 0.0) == b""
    assert answer(scanner, V["A6"][9:], 201.0) == b""
    assert answer(scanner, V["A6"], 202.0) == V["A7"]


@given(pieces=st.lists(st.binary(max_size=300), max_size=10), dialect=st.sampled_from(["a", "b", "both"]))
def test_sick_survives_any_bytes(pieces: list[bytes], dialect: str) -> None:
    scanner = sick(dialect=dialect)
    for piece in pieces:
        answer(scanner, piece)
    command, said = (V["B5"], V["B-state"]) if dialect == "b" else (V["A6"], V["A7"])
    assert answer(scanner, command, 300.0) == said


@pytest.mark.parametrize(
    "keys",
    [
        {"dialect": "c"},
        {"state": 3},
        {"order": "12"},
        {"order": "١٢٣٤٥٦٧"},
        {"password": "xyz"},
        {"password": "1920"},
        {"heartbeat_s": 0.0},
        {"delay_ms": -1.0},
        {"no_read": "\u20ac"},
        {"banner": "\u20ac"},
        {"boot_ms": -1.0},
    ],
)
def test_sick_settings_that_no_device_has(keys: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        sick(**keys)


def test_line_scanner_frames_codes_no_read_and_heartbeat() -> None:
    settings = line.Settings(prefix="\x02", suffix="\x03", heartbeat="HB", heartbeat_s=1.0, delay_ms=20)
    scanner = line.Scanner(settings, 1, 0.0)
    scanner.gate([CODE, b"X\xff"], 990.0)
    assert (scanner.take(), scanner.next_at()) == (b"", 1000.0)
    scanner.tick(1000.0)
    assert (scanner.take(), scanner.next_at()) == (b"\x02HB\x03", 1010.0)  # its beat takes no notice of results
    scanner.gate([], 1005.0)
    scanner.tick(1010.0)
    assert scanner.take() == b"\x02RB123456785GB\x03\x02X\xff\x03"
    scanner.tick(1025.0)
    assert scanner.take() == b"\x02NoRead\x03"
    assert scanner.said() == [CODE, b"X\xff", None]
    assert scanner.next_at() == 2000.0
    scanner.tick(9500.0)  # woken late: one beat, then in step again
    assert (scanner.take(), scanner.next_at()) == (b"\x02HB\x03", 10_000.0)


def test_line_scanner_can_be_silent_on_no_read() -> None:
    scanner = line.Scanner(line.Settings(no_read=""), 1, 0.0)
    scanner.gate([], 1.0)
    assert (scanner.take(), scanner.said(), scanner.next_at()) == (b"", [None], None)
    assert answer(scanner, b"\x02anything\x03") == b""


def test_line_scanner_says_index_and_encoder_in_front_of_every_result() -> None:
    settings = line.Settings(
        prefix="\x02", suffix="\x03", heartbeat="HB", heartbeat_s=1.0, index_digits=6, encoder_digits=5
    )
    scanner = line.Scanner(settings, 1, 0.0)
    scanner.gate([CODE, b"X"], 10.0, 12, 1_004_711)  # the count begins again behind 99999
    scanner.gate([], 20.0, 1_000_013, 99_999)
    scanner.tick(1000.0)
    assert scanner.take() == (
        b"\x0200001204711RB123456785GB\x03\x0200001204711X\x03\x0200001399999NoRead\x03\x02HB\x03"
    )
    assert scanner.said() == [CODE, b"X", None]
    only = line.Scanner(line.Settings(encoder_digits=4, suffix="\r"), 1, 0.0)
    only.gate([CODE], 10.0, 12, 7)
    assert only.take() == b"0007RB123456785GB\r"


@pytest.mark.parametrize("keys", [{"index": "item"}, {"index_digits": -1}, {"encoder_digits": 19}])
def test_line_settings_that_no_device_has(keys: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must be"):
        line.Settings(**keys)  # type: ignore[arg-type]


def through(faults: Faults, seed: int, pieces: list[bytes]) -> tuple[list[bytes], BadLine]:
    cable = BadLine(faults, seed)
    out = []
    for number, piece in enumerate(pieces):
        cable.feed(piece, float(number))
        out.append(cable.take(float(number)))
    out.append(cable.take(1e9))
    return out, cable


PIECES = [b"<%03d>" % number for number in range(400)]


def test_a_good_line_changes_nothing() -> None:
    out, _ = through(Faults(), 1, PIECES)
    assert out == [*PIECES, b""]


@pytest.mark.parametrize(
    ("fault", "count", "lengths"),
    [("lost", 100, {0, 5}), ("doubled", 100, {5, 10}), ("half", 100, {0, 1, 2, 3, 4, 5}), ("flipped", 100, {5})],
)
def test_each_fault_happens_about_as_often_as_wanted(fault: str, count: int, lengths: set[int]) -> None:
    out, cable = through(faulty(fault, 0.25), 5, PIECES)
    assert sum(cable.counts.values()) == cable.counts[fault] == pytest.approx(count, rel=0.3)
    assert {len(piece) for piece in out[:-1]} == lengths
    assert sum(got != sent for got, sent in zip(out, PIECES, strict=False)) == cable.counts[fault]
    assert (out, cable.counts) == ((again := through(faulty(fault, 0.25), 5, PIECES))[0], again[1].counts)


def test_a_stalled_line_keeps_the_order_and_delivers_all() -> None:
    out, cable = through(Faults(stalled=0.02, stall_ms=10.0), 5, PIECES)
    assert b"".join(out) == b"".join(PIECES)
    assert cable.counts["stalled"] > 0
    assert out.count(b"") > cable.counts["stalled"]


def test_a_stalled_line_is_bounded() -> None:
    cable = BadLine(Faults(stalled=1.0, stall_ms=1000.0), 1)
    for _ in range(100):
        cable.feed(b"x" * 1000, 0.0)
    assert cable.next_at() == 1000.0
    assert len(cable.take(1000.0)) == 65_000
    assert cable.counts["overflowed"] == 35


def test_impossible_chances_are_refused() -> None:
    with pytest.raises(ValueError):
        Faults(lost=0.6, half=0.6)
    with pytest.raises(ValueError):
        Faults(lost=-0.1)


# --- their transcripts ------------------------------------------------------------------------------------------------


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
    module = importlib.import_module(f"firmware_stubs.scanners.{kind}")
    machine = module.Scanner(settings_of(module.Settings, keys), 1, 0.0)
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
    assert answer(scale, b"\x02M\x03\r\n") in written["cubiscan"]
    assert answer(scale, b"\x02Q\x03\r\n") in written["cubiscan"]
