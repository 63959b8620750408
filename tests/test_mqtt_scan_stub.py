"""The handheld stub by the words of docs/handhelds.md."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_stubs.scanners.mqtt_scan import Scanner, Settings, Verdict
from firmware_stubs.stub import Message
from tests import transcripts

CODE = b"RB123456785GB"
RULES = {"controller": "online", "answer_ms": 300, "offline": {"unload": "accept", "*": "refuse"}}


def terminal(**keys: Any) -> Scanner:
    return Scanner(Settings(**{"devices": ("HT-07",), **keys}), 0xA81F, 0.0)


def online(**keys: Any) -> Scanner:
    scanner = terminal(**keys)
    scanner.opened(0.0)
    tell(scanner, RULES)
    scanner.take()
    return scanner


def tell(scanner: Scanner, rules: dict[str, Any], now: float = 0.0) -> None:
    scanner.feed(Message("handheld/rules", json.dumps(rules).encode(), retain=True), now)


def answer(
    scanner: Scanner, scan: str, now: float, verdict: str = "ok", device: str = "HT-07", words: str = ""
) -> None:
    tone = {"ok": "short", "wrong": "long", "hold": "triple"}[verdict]
    said = {"scan": scan, "verdict": verdict, "words": words, "tone": tone}
    scanner.feed(Message(f"handheld/{device}/answer", json.dumps(said).encode()), now)


def scans(messages: Iterable[Message]) -> list[dict[str, Any]]:
    return [json.loads(message.payload) for message in messages if message.topic.endswith("/scan")]


def until(scanner: Scanner, end: float) -> list[tuple[float, dict[str, Any]]]:
    """What is scanned until then, with its time."""
    said = [(-1.0, scan) for scan in scans(scanner.take())]
    while (due := scanner.next_at()) is not None and due <= end:
        scanner.tick(due)
        said += [(due, scan) for scan in scans(scanner.take())]
    return said


def short(verdicts: Iterable[Verdict]) -> list[tuple[str, str, str, bool]]:
    return [(one.device, one.verdict, one.tone, one.local) for one in verdicts]


def test_many_terminals_have_one_subscription_and_ignore_what_others_are_told() -> None:
    scanner = terminal(devices=tuple(f"HT-{number:02}" for number in range(10)))
    assert scanner.subscriptions() == [("handheld/rules", 1), ("handheld/+/answer", 1)]
    scanner.feed(Message("handheld/HT-77/answer", b'{"scan": "x", "verdict": "ok", "words": "", "tone": "short"}'), 0.0)
    assert scanner.counts["wrong_receiver"] == 1
    assert scanner.verdicts() == []


def test_it_says_that_it_is_there_and_its_will_that_it_is_gone() -> None:
    scanner = terminal(devices=("HT-07", "HT-08"))
    assert scanner.subscriptions() == [
        ("handheld/rules", 1),
        ("handheld/HT-07/answer", 1),
        ("handheld/HT-08/answer", 1),
    ]
    assert scanner.will() == Message("handheld/HT-07/state", b'{"state": "offline"}', retain=True)
    scanner.opened(0.0)
    assert scanner.take() == [
        Message("handheld/HT-07/state", b'{"state": "online"}', retain=True),
        Message("handheld/HT-08/state", b'{"state": "online"}', retain=True),
    ]


def test_a_scan_has_the_fields_of_the_interface_and_waits_for_its_answer() -> None:
    scanner = online(process="load", station="D4", actor="op-7", target="ULD-5", symbology="]C0")
    scanner.gate([CODE], 1000.0)
    (message,) = scanner.take()
    assert (message.topic, message.qos, message.retain) == ("handheld/HT-07/scan", 1, False)
    scan = {"scan": "00a81f-1", "code": "RB123456785GB", "process": "load", "station": "D4", "actor": "op-7"}
    assert json.loads(message.payload) == scan | {"target": "ULD-5", "symbology": "]C0"}
    answer(scanner, "00a81f-1", 1200.0, "hold", words="customs hold: to the bond cage")
    assert scanner.verdicts() == [
        Verdict("HT-07", "00a81f-1", CODE, "hold", "customs hold: to the bond cage", "triple", False, 1200.0)
    ]
    assert (scanner.next_at(), scanner.said(), scanner.verdicts()) == (None, [CODE], [])


def test_codes_as_text_or_bytes_and_their_aim_identifier() -> None:
    scanner = online(ids=False)
    scanner.gate([b"]C100373400306542500000", b"A\x1dB", b"\xff"], 0.0)
    assert scans(scanner.take()) == [
        {"symbology": "]C1", "code": "00373400306542500000", "process": "identify"},
        {"code_base64": "QR1C", "process": "identify"},
        {"code_base64": "/w==", "process": "identify"},
    ]
    assert (scanner.next_at(), scanner.verdicts()) == (None, []), "without an id nobody waits"


def test_a_no_read_waits_for_nothing() -> None:
    scanner = online()
    scanner.gate([], 0.0)
    assert scans(scanner.take()) == [{"code": None, "process": "identify"}]
    assert (scanner.next_at(), scanner.said()) == (None, [None])


def test_without_an_answer_it_asks_again_once_a_second_and_after_five_it_goes_by_the_rules() -> None:
    for process, verdict in (("unload", "ok"), ("load", "hold")):
        scanner = online(process=process)
        scanner.gate([CODE], 0.0)
        said = until(scanner, 4299.0)
        assert [at for at, _ in said] == [-1.0, 1000.0, 2000.0, 3000.0, 4000.0]
        assert {scan["scan"] for _, scan in said} == {"00a81f-1"}, "the same id, so the same scan"
        assert scanner.verdicts() == []
        scanner.tick(4300.0)
        assert [(one.verdict, one.local) for one in scanner.verdicts()] == [(verdict, True)]
        assert scanner.said() == [CODE]


def test_what_was_accepted_is_sent_later_as_stored_until_it_is_answered() -> None:
    scanner = online(process="unload")
    tell(scanner, RULES | {"controller": "offline"})
    scanner.gate([CODE], 1000.0)
    scanner.gate([b"second"], 1001.0)
    assert (scanner.take(), scanner.next_at()) == ([], None)
    assert short(scanner.verdicts()) == [("HT-07", "ok", "short", True)] * 2
    assert scanner.said() == [CODE, b"second"]
    tell(scanner, RULES, 5000.0)
    assert [(scan["scan"], scan["stored"]) for scan in scans(scanner.take())] == [("00a81f-1", True)]
    assert [at for at, _ in until(scanner, 7000.0)] == [6000.0, 7000.0]
    answer(scanner, "00a81f-1", 7100.0)
    assert [(scan["scan"], scan["code"]) for scan in scans(scanner.take())] == [("00a81f-2", "second")]
    answer(scanner, "00a81f-2", 7200.0)
    assert (scanner.next_at(), scanner.verdicts(), scanner.said()) == (None, [], [])


def test_what_is_refused_while_floord_is_gone_is_told_nobody() -> None:
    scanner = online(process="load")
    tell(scanner, RULES | {"controller": "offline"})
    scanner.gate([CODE], 1000.0)
    assert (scanner.take(), short(scanner.verdicts())) == ([], [("HT-07", "hold", "triple", True)])
    assert scanner.said() == [None]
    tell(scanner, RULES, 2000.0)
    assert scanner.take() == []


def test_without_a_broker_the_last_rules_hold() -> None:
    scanner = online(process="unload")
    scanner.gate([CODE], 0.0)
    scanner.take()
    scanner.closed(100.0)
    assert short(scanner.verdicts()) == [("HT-07", "ok", "short", True)]
    scanner.gate([b"second"], 200.0)
    assert (scanner.take(), scanner.next_at()) == ([], None)
    scanner.opened(300.0)
    assert [(scan["scan"], scan["stored"]) for scan in scans(scanner.take())] == [("00a81f-1", True)]


def test_before_it_has_heard_any_rules_it_may_do_nothing_alone() -> None:
    scanner = terminal(process="unload")
    scanner.gate([CODE], 0.0)
    assert short(scanner.verdicts()) == [("HT-07", "hold", "triple", True)]


def test_once_nobody_answers_it_asks_once_only() -> None:
    scanner = online(process="load")
    scanner.gate([CODE], 0.0)
    until(scanner, 4300.0)
    scanner.gate([b"second"], 10_000.0)
    assert [at for at, _ in until(scanner, 20_000.0)] == [-1.0]
    assert [one.at for one in scanner.verdicts()] == [4300.0, 10_300.0]
    scanner.gate([b"third"], 30_000.0)
    answer(scanner, "00a81f-3", 30_100.0)
    scanner.gate([b"fourth"], 40_000.0)
    assert [at for at, _ in until(scanner, 44_000.0)][-2:] == [43_000.0, 44_000.0], "it is as patient as ever"


def test_several_devices_scan_in_turn_and_each_waits_for_its_own() -> None:
    scanner = online(devices=("HT-07", "HT-08"))
    for code in (b"A", b"B", b"C"):
        scanner.gate([code], 0.0)
    assert [message.topic for message in scanner.take()] == ["handheld/HT-07/scan", "handheld/HT-08/scan"]
    answer(scanner, "00a81f-2", 10.0, device="HT-07")
    assert scanner.counts["late"] == 1, "not its scan"
    answer(scanner, "00a81f-2", 20.0, "wrong", device="HT-08")
    assert scanner.take() == [], "the third is for the first, who still waits"
    answer(scanner, "00a81f-1", 30.0, device="HT-07")
    assert [scan["code"] for scan in scans(scanner.take())] == ["C"]
    assert short(scanner.verdicts()) == [("HT-07", "ok", "short", False), ("HT-08", "wrong", "long", False)]
    assert scanner.said() == [b"A", b"B", b"C"]


def test_the_ledger_keeps_the_order_of_the_gates() -> None:
    scanner = online(devices=("HT-07", "HT-08"))
    scanner.gate([b"A"], 0.0)
    scanner.gate([b"B"], 0.0)
    scanner.gate([b"C"], 0.0)  # behind A
    scanner.gate([b"D"], 0.0)  # behind B
    answer(scanner, "00a81f-2", 10.0, device="HT-08")
    answer(scanner, "00a81f-4", 20.0, device="HT-08")
    assert scanner.said() == [b"A", b"B"], "C is not sent yet, and D comes behind it"
    answer(scanner, "00a81f-1", 30.0)
    assert scanner.said() == [b"C", b"D"]


@pytest.mark.parametrize(
    ("topic", "payload", "retain", "count"),
    [
        ("handheld/HT-07/answer", b"ok", False, "garbled"),
        ("handheld/HT-07/answer", b'{"scan":"00a81f-1","verdict":"ok"}', False, "garbled"),
        ("handheld/HT-07/answer", b'{"scan":"00a81f-1","verdict":"ok","words":"","tone":"triple"}', False, "garbled"),
        ("handheld/HT-07/answer", b'{"scan":"00a81f-1","verdict":"ok","words":"","tone":"short"}', True, "retained"),
        ("handheld/HT-07/answer", b'{"scan":"00a81f-9","verdict":"ok","words":"","tone":"short"}', False, "late"),
        (
            "handheld/HT-99/answer",
            b'{"scan":"00a81f-1","verdict":"ok","words":"","tone":"short"}',
            False,
            "wrong_receiver",
        ),
        ("handheld/HT-07/answer/x", b"{}", False, "wrong_receiver"),
        ("handheld/rules", b"", True, "garbled"),
        ("handheld/rules", b'{"controller":"online","answer_ms":0,"offline":{}}', True, "garbled"),
        ("handheld/rules", b'{"controller":"gone","answer_ms":300,"offline":{}}', True, "garbled"),
        ("handheld/rules", b'{"controller":"online","answer_ms":300,"offline":{"load":"perhaps"}}', True, "garbled"),
        ("handheld/rules", b"[" * 60_000, True, "garbled"),
    ],
)
def test_what_does_not_fit_is_counted_and_changes_nothing(topic: str, payload: bytes, retain: bool, count: str) -> None:
    scanner = online()
    scanner.gate([CODE], 0.0)
    scanner.take()
    scanner.feed(Message(topic, payload, retain=retain), 10.0)
    assert scanner.counts == {count: 1}
    assert (scanner.verdicts(), scanner.next_at(), scanner.rules.online) == ([], 1000.0, True)


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"base": "hand/#"}, "base = 'hand/#'"),
        ({"devices": ()}, "devices must name"),
        ({"devices": ("A", "A")}, "each of them once"),
        ({"devices": ("HT 07",)}, "'HT 07' is no id"),
        ({"process": ""}, "process = '' is no id"),
        ({"actor": "x" * 65}, "actor = "),
        ({"symbology": "C0"}, "symbology = 'C0'"),
        ({"repeat_ms": 0.0}, "repeat_ms must be"),
    ],
)
def test_settings_that_no_terminal_has(keys: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        terminal(**keys)


TOPICS = st.sampled_from(["handheld/rules", "handheld/HT-07/answer", "handheld/x", ""])
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["online", "offline", "ok", "accept", "00a81f-1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from("scan verdict words tone controller answer_ms offline".split()), inner, max_size=7
        )
    ),
)


@given(
    st.lists(
        st.tuples(TOPICS, st.one_of(st.binary(max_size=50), JSON.map(lambda one: json.dumps(one).encode()))),
        max_size=20,
    )
)
@settings(max_examples=50)
def test_no_message_raises_or_grows(messages: list[tuple[str, bytes]]) -> None:
    scanner = online()
    scanner.gate([CODE], 0.0)
    for number, (topic, payload) in enumerate(messages):
        scanner.feed(Message(topic, payload), float(number))
    assert len(scanner.take()) <= 1 + len(messages)


def test_it_understands_what_floord_says_in_the_transcript() -> None:
    """Every line of floord is the rules, or an answer as the interface has it."""
    said = [line for line in transcripts.conversation("mqtt_scan") if line.direction == "C"]
    assert said[0].topic == "handheld/rules"
    for line in said:
        scanner = online()
        scanner.feed(Message(line.topic, line.payload, retain=line is said[0]), 0.0)
        assert scanner.counts["garbled"] == 0, line
    scanner = terminal()
    scanner.feed(Message(said[0].topic, said[0].payload), 0.0)
    assert [scanner.rules.accepts(process) for process in ("identify", "unload", "inspect", "load", "put")] == [
        True
    ] * 3 + [False] * 2
