"""What is guessed of bytes heard on a line: by every kind's driver, whatever kinds there are."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.ports_guess import Verdict, judge, parity_in
from devices import driver
from tests import transcripts

CODE = b"RB123456785GB"


def heard(*messages: bytes) -> list[tuple[bytes, float]]:
    return [(message, 1000.0 * number) for number, message in enumerate(messages)]


def is_line(verdict: Verdict) -> bool:
    """The simplest kind, and sure of it unless others can be set up to say the same."""
    return verdict.guesses[0].kind == "line" and verdict.sure in ("sure", "likely")


def recorded() -> list[str]:
    """Kinds with a transcript of bytes."""
    spoken = [kind for kind in driver.kinds() if not hasattr(driver.load(kind).Driver, "subscriptions")]
    return sorted(kind for kind in spoken if (transcripts.WIRE / f"{kind}.txt").exists())


@pytest.mark.parametrize("kind", recorded())
def test_every_kind_is_found_in_its_own_transcript(kind: str) -> None:
    """With the settings of some part of it: a kind may have others that nobody can guess."""
    parts: dict[tuple[str, ...], list[bytes]] = {}
    for message in transcripts.read(kind):
        if "garbled" not in message.meaning and message.direction != "C":
            parts.setdefault(message.settings, []).append(message.raw)
    scores = [
        guess.score for part in parts.values() for guess in judge(heard(*part), 9600, {}).guesses if guess.kind == kind
    ]
    assert max(scores, default=0.0) >= 0.9, f"write GUESSES for {kind}"


def test_a_check_digit_makes_sure_what_framing_alone_leaves_open() -> None:
    proved = judge(heard(*[CODE + b"\r\n"] * 4), 9600, {})
    assert is_line(proved)
    assert proved.guesses[0].settings == {"check": "s10"}
    assert proved.guesses[0].proof > 0.4
    open_to_two = judge(heard(*[b"\x02" + CODE + b"\x03"] * 4), 9600, {})
    assert open_to_two.sure == "likely"
    assert open_to_two.guesses[0].proof < 0.4
    assert {"line", "sick_cola"} <= {guess.kind for guess in open_to_two.guesses if guess.score == 1.0}


def test_what_only_one_kind_says_tells_it_apart() -> None:
    talk = (b"\x02sSN mTCgateon 1\x03", b"\x02" + CODE + b"\x03", b"\x02sAN mTCgateon 1\x03", b"\x02NoRead\x03")
    verdict = judge(heard(*talk), 9600, {})
    assert verdict.guesses[0].kind == "sick_cola"
    assert "EventSeen" in verdict.guesses[0].says


def test_one_listens_from_the_middle_of_a_frame_to_the_middle_of_another() -> None:
    verdict = judge(heard(b"785GB\r\n", *[CODE + b"\r\n"] * 3, b"RB1234"), 9600, {})
    assert is_line(verdict)
    assert (verdict.guesses[0].items, verdict.guesses[0].garbled) == (3, 0)


def test_the_split_of_the_bytes_does_not_matter() -> None:
    data = (b"\x02" + CODE + b"\x03") * 4
    whole, single = judge([(data, 0.0)], 9600, {}), judge([(bytes([byte]), 1.0) for byte in data], 9600, {})
    assert [(one.kind, one.items, one.garbled) for one in whole.guesses] == [
        (one.kind, one.items, one.garbled) for one in single.guesses
    ]


def test_lines_of_one_length_are_told_by_it() -> None:
    verdict = judge(heard(*[b"%08dX\r\n" % (number * 7919) for number in range(1, 7)]), 9600, {})
    assert verdict.guesses[0].settings == {"fixed_lengths": (9,)}
    assert verdict.sure == "likely"


def test_a_wrong_speed_is_told_by_the_bytes_or_by_the_port() -> None:
    rng = random.Random(2)
    slow = bytes(rng.choice(b"\x00\x80\xfe\xf8\xe0") for _ in range(60))
    for data, errors in ((slow, {}), (b"Uq!", {"frame": 17}), (b"", {"frame": 3})):
        verdict = judge(heard(data), 9600, errors)
        assert verdict.sure == "no"
        assert "the speed is" in verdict.hints[0]
        assert "9600" in verdict.hints[0]
    assert "17 frame errors" in judge(heard(b"Uq!"), 9600, {"frame": 17}).hints[0]
    assert judge(heard(CODE + b"\r\n"), 9600, {"frame": 1}).hints == ()  # understood: the speed is right


@pytest.mark.parametrize(("parity", "odd"), [("E", 0), ("O", 1)])
def test_seven_bits_with_parity_are_seen_and_understood(parity: str, odd: int) -> None:
    wire = bytes(byte | (0x80 if byte.bit_count() % 2 != odd else 0) for byte in CODE + b"\r\n")
    assert parity_in(wire) == parity
    verdict = judge(heard(wire, wire, wire), 9600, {})
    assert is_line(verdict)
    assert verdict.line == {"bytesize": "7", "parity": parity}
    assert f"write ?bytesize=7&parity={parity}" in verdict.hints[0]


DATALOGIC = b"\x02" + CODE + b"\x1e00373400306542500000\r\n"


def test_a_datalogic_set_as_its_page_says_is_named_with_its_settings() -> None:
    """RS between codes, NAK for a missing one, a heartbeat that counts."""
    talk = (DATALOGIC, b"HB98\r\n", DATALOGIC, b"\x02" + CODE + b"\x1e\x15\r\n", b"HB99\r\n", DATALOGIC, b"HB00\r\n")
    verdict = judge(heard(*talk, b"\x02NO READ\r\n"), 9600, {})
    assert (verdict.guesses[0].kind, verdict.sure, verdict.guesses[0].garbled) == ("datalogic", "sure", 0)
    assert verdict.guesses[0].settings == {
        "separator": "\x1e",
        "local_no_read": "\x15",
        "heartbeat": "HB([0-9]{2})",
        "heartbeat_modulus": 100,
    }


def test_a_control_character_between_codes_is_tried_as_the_separator() -> None:
    verdict = judge(heard(*[DATALOGIC] * 4), 9600, {})
    assert {"line", "datalogic"} <= {one.kind for one in verdict.guesses if one.score == 1.0}
    assert {one.settings["separator"] for one in verdict.guesses if one.score == 1.0} == {"\x1e"}
    assert verdict.hints == ()
    without = judge(heard(*[b"\x02" + CODE + b"\r\n"] * 2, b"HB01\r\n", b"\x02" + CODE + b"\r\n"), 9600, {})
    assert without.guesses[0].settings == {"heartbeat": "HB([0-9]{2})"}
    assert (without.guesses[0].kind, without.sure) == ("datalogic", "likely")


def test_lines_that_may_be_codes_are_no_heartbeat() -> None:
    other = b"RB123456794GB\r\n"
    for lines in ((other, b"HB01\r\n"), (other,), (b"HB01\r\n", b"XY02\r\n"), (b"HB01\r\n", b"HB002\r\n")):
        guess = judge(heard(*[DATALOGIC] * 3, *lines, DATALOGIC), 9600, {}).guesses
        assert not [one for one in guess if "heartbeat" in one.settings]


def test_a_separator_that_cannot_be_told_is_spoken_of() -> None:
    gs = judge(heard(*[DATALOGIC.replace(b"\x1e", b"\x1d")] * 3), 9600, {})
    assert "separator" not in gs.guesses[0].settings
    assert 'write separator = "\\u001e", or write separator = "\\u001d"' in gs.hints[0]
    other = judge(heard(*[DATALOGIC.replace(b"\x1e", b"\x0b")] * 3), 9600, {})
    assert 'write separator = "\\u000b"' in other.hints[0]
    assert other.sure == "no"


def test_text_without_a_proof_and_silence_get_advice() -> None:
    assert "prefix and a suffix" in judge(heard(b"hello world\r\nwhat is this\r\nfoo\r\n"), 9600, {}).hints[0]
    assert judge([], 9600, {}).hints[0].startswith("nothing came: let the scanner read a code")


@settings(max_examples=30)
@given(st.lists(st.binary(max_size=120), max_size=4))
def test_no_bytes_break_it_and_noise_is_never_sure(pieces: list[bytes]) -> None:
    assert judge(heard(*pieces), 9600, {}).sure != "sure"
