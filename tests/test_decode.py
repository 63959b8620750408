"""`floord decode`: hex in, one JSON object a line out; the same for every layout of the hex."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from controller.commands import decode
from controller.commands._texts import json_line, settings, unescape
from controller.described import described
from devices import types
from devices.driver import kinds, load
from devices.plcs import mqtt_json
from tests import transcripts
from tests.ears import ALL_KINDS, KINDS, conversation_settings

A14 = "02 4E 6F 52 65 61 64 03 02 48 42 03 02 52 42 31 32 33 34 35 36 37 38 35 47 42 03"


def run(kind: str, text: str | bytes, *sets: str, options: Sequence[str] = ()) -> tuple[int, list[dict[str, Any]], str]:
    """(exit code, objects printed, what stderr says)."""
    words = [kind, *options, *(word for pair in sets for word in ("--set", pair))]
    done = CliRunner().invoke(decode.command, words, input=text)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_a_separator_that_is_set_otherwise_is_spoken_of_once() -> None:
    two = (b"\x02RB123456785GB\x1eRB123456794GB\r\n" * 2).hex()
    code, items, hint = run("datalogic", two)
    assert (code, [item["why"] for item in items]) == (0, ["a control character in a code"] * 2)
    assert hint.splitlines() == [decode.SEPARATOR]
    code, items, hint = run("datalogic", two, r"separator=\x1e")
    assert ([item["item"] for item in items], hint) == (["read"] * 4, "")
    assert run("honeywell", b"RB1234\x1e56785GB\r".hex(), "check=s10")[2] == "", "it has no such setting"


def test_one_object_a_line_with_the_same_four_keys() -> None:
    assert run("sick_cola", A14) == (
        0,
        [
            {"item": "no_read", "text": None, "why": None, "raw": "4e6f52656164"},
            {"item": "heartbeat", "text": None, "why": None, "raw": "4842"},
            {"item": "read", "text": "RB123456785GB", "why": None, "raw": "52423132333435363738354742"},
        ],
        "",
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("02 73414E206D5443676174656F6E2031 03", {"item": "reply", "text": "1", "verb": "sAN mTCgateon"}),
        ("02 734D4E206D5443676174656F6E 03", {"item": "command", "text": "", "verb": "sMN mTCgateon"}),
        ("02 73534E20782032 03", {"item": "event", "text": "2", "verb": "sSN x"}),
        ("02 7346412032 03", {"item": "error", "text": None, "why": "unknown method", "code": "2"}),
        (
            "02020202 0000000F 73414E206D5443676174656F6E2001 11",
            {"item": "reply", "text": "1", "verb": "sAN mTCgateon"},
        ),
    ],
)
def test_what_else_an_item_has(text: str, line: dict[str, Any]) -> None:
    _, (found,), _ = run("sick_cola", text)
    assert found == {"why": None, "raw": found["raw"], **line}
    assert list(found)[:4] == ["item", "text", "why", "raw"]


@pytest.mark.parametrize("layout", ["{}", "{}\n", "\n\n\t{}", "  {}  \r\n"])
@pytest.mark.parametrize("case", [str.upper, str.lower])
def test_white_space_and_case_mean_nothing(layout: str, case: Any) -> None:
    wanted = run("sick_cola", A14)
    for text in (A14, A14.replace(" ", ""), "\n".join(A14), A14.replace(" ", "\n")):
        assert run("sick_cola", layout.format(case(text))) == wanted


@given(cuts=st.lists(st.integers(0, 120)), data=st.data())
def test_every_layout_of_the_hex_gives_the_same(cuts: list[int], data: st.DataObject) -> None:
    messages = [message.raw for message in transcripts.read("sick_cola")]
    wire = b"".join(data.draw(st.lists(st.sampled_from([*messages, b"\x02", b"X"]), max_size=5))).hex()
    spaced = "".join(("\n" if at % 2 else " ") * (at in cuts) + digit for at, digit in enumerate(wire))
    assert run("sick_cola", spaced) == run("sick_cola", wire)


def test_the_end_of_the_input_is_the_end_of_the_stream() -> None:
    assert run("sick_cola", "02 52 42") == (
        0,
        [{"item": "garbled", "text": None, "why": "the end of the channel inside a frame", "raw": "025242"}],
        "",
    )


def test_nothing_in_nothing_out() -> None:
    assert run("sick_cola", " \n") == (0, [], "")


def test_settings_have_escapes_numbers_and_lists() -> None:
    sets = [r"prefix=\x02", "suffix=<ETX>", "no_read=NONE,???", "fixed_lengths=3,5", "max_length=5", "check="]
    _, lines, _ = run(
        "line", "02 414243 03 02 4E4F4E45 03 02 3F3F3F 03 02 4142434445 03 02 4142 03 02 313233343536 03", *sets
    )
    assert [(line["item"], line["text"] or line["why"]) for line in lines] == [
        *(("read", "ABC"), ("no_read", None), ("no_read", None), ("read", "ABCDE")),
        ("garbled", "not one of the lengths that codes have here"),
        ("garbled", "longer than 5 bytes"),
    ]


@pytest.mark.parametrize(
    ("kind", "text", "sets", "says"),
    [
        ("sick_cola", "02 0g", (), "line 1, column 5: 'g' is no hex digit"),
        ("sick_cola", "02\n 0x41", (), "line 2, column 3: 'x' is no hex digit"),
        ("sick_cola", "02 " * 40_000 + "?", (), "line 1, column 120001: '?' is no hex digit"),
        ("sick_cola", "\uff10\uff12", (), "line 1, column 1: '\uff10' is no hex digit"),
        ("sick_cola", "02 5", (), "the hex ends in the middle of a byte: '5'"),
        ("sick_cola", b"\xff\xfe", (), "the input is no text"),
        ("opticon", "", (), "unknown kind 'opticon'; known kinds are: cubiscan (CubiScan 125 and 325), "),
        ("datalogicx", "", (), "unknown kind 'datalogicx'; did you mean 'datalogic' (Datalogic tunnels"),
        ("_cola", "", (), "unknown kind '_cola'"),
        ("line", "", (), "Write prefix = "),
        ("line", "", ("foo=1",), "unknown setting 'foo'; known are: prefix, suffix, no_read"),
        ("line", "", ("check",), "'check': write key=value"),
        ("line", "", ("check=luhn",), "write one of s10, gs1, mod10"),
        ("line", "", ("max_length=many",), "max_length: 'many' is no number"),
        ("line", "", ("fixed_lengths=1,x",), "fixed_lengths: 'x' is no number"),
        ("modbus", "", ("numbers=L07",), "numbers: 'L07': write name:value"),
        ("modbus", "", ("numbers=L07:x",), "numbers: 'x' is no number"),
    ],
)
def test_wrong_use_says_what_and_where(kind: str, text: str | bytes, sets: tuple[str, ...], says: str) -> None:
    code, lines, error = run(kind, text, *sets)
    assert (code, [line for line in lines if line["item"] != "garbled"]) == (2, [])
    assert says in " ".join(error.split())


def test_messages_of_both_sides_are_read_a_line_each() -> None:
    """What both sides of a PLC on a broker said; the last line has no end."""
    talk = [line for line in transcripts.conversation("mqtt_json") if line.topic.endswith(("/up", "/down"))]
    wire = b"\n".join(line.payload for line in talk)
    code, lines, _ = run("mqtt_json", wire.hex(), "base=plc/S1")
    assert code == 0
    assert len(lines) == len([line for line in talk if line.payload.strip()])
    kinds = {line["item"] for line in lines}
    assert {"arrived", "session_begun", "synchronised", "speed", "tracks", "heartbeat", "command", "reply"} <= kinds


@pytest.mark.parametrize("wire", [b"{", b"[]\n", b"\xff\xfe\n", b"{}\n", b'{"type":"SYES","flag":"R","a":1,"a":2}'])
def test_what_is_no_message_is_told(wire: bytes) -> None:
    code, lines, _ = run("mqtt_json", wire.hex(), "base=plc/S1")
    assert code == 0
    assert len(lines) == 1


ON_BROKERS = [kind for kind in ALL_KINDS if kind not in KINDS and not hasattr(load(kind), "Sniffer")]


@pytest.fixture
def plc(monkeypatch: pytest.MonkeyPatch) -> str:
    """A kind on a broker whose driver is heard, because no Sniffer is there."""
    monkeypatch.delattr(mqtt_json, "Sniffer")
    return "mqtt_json"


@pytest.mark.parametrize("as_hex", [False, True])
@pytest.mark.parametrize("kind", ON_BROKERS)
def test_messages_of_a_broker_are_read_a_line_each(kind: str, as_hex: bool) -> None:
    """All that the machine said in its transcript."""
    said = [line for line in transcripts.conversation(kind) if line.direction != "C"]
    wire = "".join(f"{one.topic} {one.payload.hex() if as_hex else one.payload.decode()}\r\n" for one in said)
    sets = conversation_settings(kind)[0]
    code, lines, error = run(kind, wire, *sets, options=("--hex",) if as_hex else ())
    assert (code, error) == (0, "")
    assert {"garbled"} < {line["item"] for line in lines}
    assert all({"item", "text", "why", "raw"} <= line.keys() for line in lines)


def test_the_payload_is_all_behind_the_first_space(plc: str) -> None:
    code, (line,), error = run(plc, "\nplc/S1/status  on line \u20ac \n", "base=plc/S1")
    assert (code, line["item"], error) == (0, "garbled", "")
    assert bytes.fromhex(line["raw"]).decode() == " on line \u20ac "


def test_a_payload_may_be_hex(plc: str) -> None:
    _, (line,), _ = run(plc, "plc/S1/status 00 ff0a\n", "base=plc/S1", options=["--hex"])
    assert line["raw"] == "00ff0a"


def test_a_topic_may_hold_spaces() -> None:
    filters = ["handheld/+/scan", "handheld/rules"]
    assert decode.split("handheld/HT 07/scan x /scan y", 1, filters) == ("handheld/HT 07/scan", "x /scan y")
    assert decode.split("other topic x y", 1, filters) == ("other", "topic x y")


def test_messages_of_other_topics_are_named_and_left_out(plc: str) -> None:
    code, lines, error = run(plc, "plc/S1/status x\nplc/S1/down\x1b[2J {}\nplc/S1/status y\n", "base=plc/S1")
    assert (code, len(lines)) == (0, 2)
    assert error == "line 2: 'plc/S1/down\\x1b[2J' is no topic of it; it hears plc/S1/up, plc/S1/status\n"


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        ("plc/S1/status x\nplc/S1/up\n", [], "line 2: write a topic, a space and the payload, not 'plc/S1/up'"),
        (" x\n", [], "line 1: write a topic, a space and the payload"),
        ("plc/+/up {}\n", [], "line 1: write a topic, a space and the payload"),
        ("plc/S1/up {}", ["--hex"], "line 1: the payload is no hex: '{}'"),
        ("\n\nplc/S1/up 5", ["--hex"], "line 3: the payload is no hex: '5'"),
        (b"plc/S1/up \xff\n", [], "line 1 or after: no text (invalid start byte); write payloads as hex, with --hex"),
        ("plc/S1/up " + "x" * 1_000_000, [], "line 1: longer than 1000000 characters"),
    ],
)
def test_a_line_that_is_no_message_is_named(plc: str, text: str | bytes, options: list[str], says: str) -> None:
    code, lines, error = run(plc, text, "base=plc/S1", options=options)
    assert (code, [line for line in lines if line["item"] != "garbled"]) == (2, [])
    assert says in " ".join(error.split())


def test_hex_is_said_of_messages_only() -> None:
    error = " ".join(run("sick_cola", "", options=["--hex"])[2].split())
    assert "sick_cola is not on a broker, its bytes are hex anyway; leave it out" in error


def test_what_readers_beside_the_belt_say_is_printed() -> None:
    hand = types.Hand("load", "D4", "op-7", "a81f-17")
    read = described(types.Read("X", b"X", 0.0, reader="HT-07", hand=hand))
    assert read["hand"] == {
        **{"process": "load", "station": "D4", "actor": "op-7", "ref": "a81f-17"},
        **{"target": "", "time": "", "stored": False},
    }
    assert {"hand", "encoding", "index"}.isdisjoint(described(types.Read("X", b"X", 0.0)))
    weight = types.Quantity("weight", "0012.34", "kg", "ok", True)
    assert described(types.Sized((weight,), b"W", 0.0, record="17")) == {
        **{"item": "sized", "text": None, "why": None, "raw": "57", "record": "17"},
        "quantities": [{"what": "weight", "value": "0012.34", "unit": "kg", "quality": "ok", "approved": True}],
    }
    passage = types.Passage("X", "E280", "dock-4", "in", 0.0, 5.0, 3, b"", 5.0, antennas=(1, 2))
    assert described(passage)["antennas"] == [1, 2]
    assert described(types.Condition(False, "its motor has stopped", b"", 0.0))["ok"] is False


@given(text=st.text())
def test_a_line_of_json_is_fit_for_a_terminal_and_means_the_same(text: str) -> None:
    line = json_line({"text": text, "also": "\x7f\x9b\x1b[2J\u202e\ud800"})
    assert line.isprintable()
    assert json.loads(line)["text"] == text


def test_the_known_kinds_are_listed() -> None:
    told = run("nothing", "")[2]
    assert [kind for kind in kinds() if f" {kind} (" not in told] == []


def test_a_kind_whose_two_sides_speak_is_heard_without_a_session() -> None:
    wire = "".join(message.raw.hex() for message in transcripts.read("telegram"))
    code, lines, _ = run("telegram", wire)
    assert code == 0
    assert {"arrived", "session_begun", "discharged", "command", "reply"} <= {line["item"] for line in lines}
    arrived = next(line for line in lines if line["item"] == "arrived" and line["codes"])
    assert arrived["point"] == "IND-1"
    assert arrived["codes"] == [{"text": "RB123456785GB", "raw": "52423132333435363738354742"}]
    assert all({"item", "text", "why", "raw"} <= line.keys() for line in lines)


def test_it_is_a_command_of_floord_and_reads_a_pipe() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "controller", "decode", "sick_cola"],
        input=A14,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert [json.loads(line)["item"] for line in done.stdout.splitlines()] == ["no_read", "heartbeat", "read"]


def test_an_item_is_named_by_its_class() -> None:
    line = described(types.TrackLost(417, "IND-1", 0, 418, -12.0, 0.0, token=(26, 413)))
    assert line == {
        **{"item": "track_lost", "text": None, "why": None, "raw": None, "track": 417, "last_point": "IND-1"},
        **{"before": 0, "behind": 418, "edge": -12.0, "token": [26, 413]},
    }


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        *((r"\x02A", "\x02A"), (r"\r\n\t\\", "\r\n\t\\"), ("<STX><GS>", "\x02\x1d"), (r"\u0002", "\x02")),
        *((r"A\B\x0", r"A\B\x0"), ("<stx><FOO>", "<stx><FOO>"), (r"\\x02", r"\x02"), ("Ä€", "Ä€"), ("", "")),
    ],
)
def test_unescape(typed: str, meant: str) -> None:
    assert unescape(typed) == meant


@dataclass(frozen=True)
class Wants:
    """Settings with every kind of field."""

    name: str
    on: bool = False
    rate: float | None = None
    counts: tuple[int, ...] = (1,)


def test_settings_of_every_kind() -> None:
    assert settings(Wants, ("name=a=b", "on=true", "rate=2.5", "counts=")) == Wants("a=b", True, 2.5, ())
    with pytest.raises(ValueError, match="without a default are missing: name"):
        settings(Wants, ())
    with pytest.raises(ValueError, match="on: 'yes' is neither true nor false"):
        settings(Wants, ("name=x", "on=yes"))
