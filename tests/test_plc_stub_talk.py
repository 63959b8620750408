"""What the telegram PLC stub answers to each message of a controller, byte for byte as PLC interface v1 §3 has it."""

from __future__ import annotations

import pytest

from firmware_stubs.plcs.telegram import Plc
from tests import transcripts
from tests.plc_bench import arrived, new, session
from tests.scripted_hub import Hub, build, crc, pad, wire

HUB = 0xABCD


def answer(kind: str, sequence: int, code: str = "") -> bytes:
    """The PLC's answer to a request of the controller: `A` empty, `N` with the code."""
    text = f"1PLC1HUB.{kind}{'N' if code else 'A'}{HUB:04X}{sequence:04d}{len(code):03d}{code}"
    return wire(text + crc(text))


def asked(plc: Plc, kind: str, sequence: int, body: str, now: float) -> bytes:
    """What the PLC says at once to a request."""
    plc.feed(build(kind, "R", HUB, sequence, body), now)
    data = plc.take()
    assert isinstance(data, bytes)
    return data


def normal() -> tuple[Plc, int]:
    """A PLC in a session, in which a track stands at DEC at 1000 ms, and that track."""
    plc = new()
    hub = Hub(plc, epoch=HUB, sequence=9900)
    hub.start(0.0)
    return plc, arrived(plc, hub)


def dest(
    track: int, *lanes: str, decision: str = "0001", point: str = "DEC", flags: str = "-D", count: str = ""
) -> str:
    return f"{pad(point)}{track:06d}{decision}PLAN{flags}{count or len(lanes)}" + "".join(map(pad, lanes))


def test_a_session_begins_byte_for_byte() -> None:
    plc = new(epoch=0x1A, next_sequence=9999)
    plc.feed(build("SYES", "R", HUB, 9999, "000000070000000000"), 0.0)
    sybe = "1PLC1HUB.SYBER001A9999000"
    assert plc.take() == answer("SYES", 9999) + wire(sybe + crc(sybe))
    plc.feed(build("SYBE", "A", 0x1A, 9999, "000000"), 0.0)
    sped = f"1PLC1HUB.SPEDR001A0001032{pad('LINE')}01000000000000000000"
    assert plc.take() == wire(sped + crc(sped))
    plc.feed(build("SPED", "A", 0x1A, 1, "000000"), 0.0)
    syen = "1PLC1HUB.SYENR001A0002000"
    assert plc.take() == wire(syen + crc(syen))
    plc.feed(build("SYEN", "A", 0x1A, 2, "000000"), 0.0)
    assert plc.take() == b""
    assert plc.in_session


REQUESTS = [
    ("DEST", dest(1, "L01")),
    ("CMND", pad("LINE") + "STOP" + "C0000001"),
    ("TIME", "1795412345999"),
    ("LIFE", "000000"),
    ("LAMP", pad("L01") + "RB" + "FULL...."),
]
every_request = pytest.mark.parametrize(("kind", "body"), REQUESTS, ids=[kind for kind, _ in REQUESTS])


@every_request
def test_without_a_session_each_is_refused_with_nsyn(kind: str, body: str) -> None:
    """Also one that it does not know and one whose field is bad: NSYN goes before FORM (§2, rule 2)."""
    plc = new()
    assert asked(plc, kind, 17, body, 0.0) == answer(kind, 17, "NSYN")
    assert asked(plc, kind, 18, body[:-1], 0.0) == answer(kind, 18, "NSYN")
    assert asked(plc, "WHAT", 19, "", 0.0) == answer("WHAT", 19, "NSYN")


@every_request
def test_in_a_session_each_is_taken_and_its_repeat_gets_the_same_bytes(kind: str, body: str) -> None:
    plc, track = normal()
    assert track == 1
    first = asked(plc, kind, 9999, body, 1010.0)
    assert first.startswith(answer(kind, 9999)), first
    assert asked(plc, kind, 9999, body, 1020.0) == answer(kind, 9999)


@every_request
def test_what_is_appended_is_ignored_and_what_is_missing_is_form(kind: str, body: str) -> None:
    plc, _ = normal()
    assert asked(plc, kind, 9999, body + "0007LATER", 1010.0).startswith(answer(kind, 9999))
    plc, _ = normal()
    assert asked(plc, kind, 9998, body[:-1], 1010.0) == answer(kind, 9998, "FORM")
    assert asked(plc, kind, 9999, "", 1020.0) == answer(kind, 9999, "FORM")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (dest(2, "L01"), "UNKT"),
        (dest(999999, "L01"), "UNKT"),
        (dest(1, "L99"), "LUNK"),
        (dest(1, "L01", "L02", "EX", "LANE-_ABC123"), "LUNK"),
        (dest(1, "L01", point="POINT-_ABC09"), "PUNK"),
        (dest(1, "L01", flags="ND"), "FORM"),
        (dest(1, "L01", flags="XD"), "FORM"),
        (dest(1, "L01", flags="-X"), "FORM"),
        (dest(1, "L01", decision="0000"), "FORM"),
        (dest(1, "L01", decision="000A"), "FORM"),
        (dest(1, "L01", count="0"), "FORM"),
        (dest(1, "L01", count="2"), "FORM"),
        (dest(1, *["L01"] * 5), "FORM"),
    ],
)
def test_each_destination_refused_and_the_next_one_taken(body: str, code: str) -> None:
    plc, _ = normal()
    assert asked(plc, "DEST", 9998, body, 1010.0) == answer("DEST", 9998, code)
    assert asked(plc, "DEST", 9998, body, 1020.0) == answer("DEST", 9998, code), "the same answer again"
    assert asked(plc, "DEST", 9999, dest(1, "L01", "L02", "EX", "L01"), 1030.0) == answer("DEST", 9999)


@pytest.mark.parametrize(
    ("kind", "body", "unknown"),
    [
        ("DEST", dest(0, "L01"), "UNKT"),
        ("DEST", dest(1, ""), "LUNK"),
        ("DEST", dest(1, "L01", point=""), "PUNK"),
        ("DEST", dest(1, "L01", point="dec"), "PUNK"),
        ("CMND", pad("") + "STOP" + "C3......", "PUNK"),
        ("LAMP", pad("") + "RB" + "FULL....", "LUNK"),
        ("LAMP", pad("l01") + "RB" + "FULL....", "LUNK"),
    ],
)
def test_none_or_no_id_where_a_name_is_wanted_is_refused_in_either_way(kind: str, body: str, unknown: str) -> None:
    """A field that is bad, or a name that is not known: which of the two the interface leaves open."""
    plc, _ = normal()
    assert asked(plc, kind, 9998, body, 1010.0) in (answer(kind, 9998, unknown), answer(kind, 9998, "FORM"))
    assert plc.in_session


def test_late_and_old_destinations() -> None:
    plc, track = normal()
    taken = dest(track, "L02", decision="9999", flags="NK")
    assert asked(plc, "DEST", 9990, taken, 1010.0) == answer("DEST", 9990)
    assert asked(plc, "DEST", 9991, taken, 1010.0) == answer("DEST", 9991), "the same with the same content"
    other = dest(track, "L01", decision="9999", flags="NK")
    assert asked(plc, "DEST", 9992, other, 1010.0) == answer("DEST", 9992, "OLDD")
    assert asked(plc, "DEST", 9993, dest(track, "L01", decision="9998"), 1010.0) == answer("DEST", 9993, "OLDD")
    assert asked(plc, "LIFE", 9994, "000000", 2900.0).startswith(answer("LIFE", 9994))
    late = dest(track, "L01", decision="0001")
    assert asked(plc, "DEST", 9995, late, 2960.0) == answer("DEST", 9995, "LATE")
    assert asked(plc, "DEST", 9996, dest(track, "EX", decision="0001"), 2960.0) == answer("DEST", 9996)


def test_commands_and_lamps_refused() -> None:
    plc, _ = normal()
    for sequence, (kind, body, code) in enumerate(
        [
            ("CMND", pad("L99") + "BLCK" + "C1......", "LUNK"),
            ("CMND", pad("LINE") + "DOIT" + "C2......", "FORM"),
            ("LAMP", pad("L99") + "RB" + "FULL....", "LUNK"),
            ("LAMP", pad("L01") + "PB" + "FULL....", "FORM"),
            ("LAMP", pad("L01") + "RX" + "FULL....", "FORM"),
            ("LAMP", pad("L01") + "-S" + "........", ""),
            ("LAMP", pad("L01") + "WB" + "12345678", ""),
            ("TIME", "179541234599X", "FORM"),
            ("LIFE", "00000X", "FORM"),
            ("WHAT", "", "FORM"),
        ],
        start=500,
    ):
        assert asked(plc, kind, sequence, body, 1010.0) == answer(kind, sequence, code), body
    plc.line_state("MANU", 1020.0)
    plc.take()
    assert asked(plc, "DEST", 600, dest(1, "L01"), 1030.0) == answer("DEST", 600, "MODE")


def test_a_command_before_syen_is_refused_and_ends_the_session() -> None:
    kind, body = REQUESTS[1]
    plc = new()
    assert asked(plc, "SYES", 1, "000000070000000000", 0.0).startswith(answer("SYES", 1))
    assert asked(plc, kind, 2, body, 0.0) == answer(kind, 2, "NSYN")
    assert not plc.in_session
    assert asked(plc, "LIFE", 3, "000000", 0.0) == answer("LIFE", 3, "NSYN")


def test_an_older_term_is_refused_and_leaves_the_session() -> None:
    plc, _ = session()
    assert asked(plc, "SYES", 77, "000000060000000000", 10.0) == answer("SYES", 77, "OLDC")
    assert plc.in_session


def test_a_bad_syes_is_form() -> None:
    plc = new()
    assert asked(plc, "SYES", 1, "00000007000000000", 0.0) == answer("SYES", 1, "FORM")
    assert asked(plc, "SYES", 2, "0000000X0000000000", 0.0) == answer("SYES", 2, "FORM")
    assert asked(plc, "SYES", 3, "00000007001a000000", 0.0) == answer("SYES", 3, "FORM")
    assert asked(plc, "SYES", 4, "00000007000000000000009", 0.0).startswith(answer("SYES", 4)), "appended"


def test_each_request_of_the_conversations_has_one_answer_of_its_own() -> None:
    """The controller's half of the conversations, in its order, to a PLC that knows none of their tracks and names."""
    plc = new()
    now, last, kept = 0.0, b"", ""
    for line in transcripts.talk("telegram"):
        text = line.raw[1:-1].decode()
        if line.direction != "C" or text[13] != "R":
            continue
        if line.opens:
            plc = new()
        now += 50.0
        plc.feed(line.raw, now)
        said = [part for part in plc.take().split(b"\x02")[1:] if part[:9] == b"1PLC1HUB." and part[13:14] in b"AN"]
        assert len(said) == 1, line
        got = said[0].decode().removesuffix("\x03")
        assert (got[9:13], got[14:22]) == (text[9:13], text[14:22]), line
        assert got[13] + got[25:-4] in ("A", *(f"N{code}" for code in "UNKT LUNK PUNK NSYN FORM OLDC".split())), line
        assert got[-4:] == crc(got[:-4])
        if line.raw == last:
            assert got == kept, "a repeat"
        last, kept = line.raw, got
