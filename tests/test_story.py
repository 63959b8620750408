"""What a person reads at a terminal: the story of a parcel, a line of the tail, the status of a node."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller import lanes, routing
from controller.commands import _story
from controller.commands._story import line_of, say
from controller.commands.status import MOST, shown
from controller.commands.tail import Told
from controller.commands.trace import told
from controller.envelope import Origin, envelope
from controller.events import (
    EVENTS,
    Alarm,
    Data,
    DeviceChanged,
    Ended,
    Inducted,
    NodeChanged,
    PassageSeen,
    ReadSeen,
    Recall,
    Received,
    Refused,
    Routed,
)
from controller.well import problems

ROOT = Path(__file__).parents[1]
ORIGIN = Origin("lgg", "sorter-a", "k7x2m9qd", "simulated")
TRAVEL = "S1-k7x2m9qd-7"
WHO = {"visit": TRAVEL, "travel": TRAVEL}
KNOWN = {**WHO, "parcel": "P7"}
T0 = 15 * 3600_000 + 42 * 60_000

INDUCTED = Inducted(**WHO, line="S1", point="S1-IND", track=31, epoch=2, via="INDU", length_mm=246)
READ = ReadSeen(**WHO, reader="tunnel-1", point="S1-T1", outcome="READ", code="RB123456785GB")
NO_READ = ReadSeen(**WHO, reader="tunnel-1", point="S1-T1", outcome="NO_READ")


def routed(
    number: int, lanes: tuple[str, ...], reason: str, why: str, left: int, who: dict[str, str] = KNOWN
) -> Routed:
    return Routed(
        **who, line="S1", decision=number, lanes=lanes, reason=reason, why=why, deadline_ms=left,
        identity="READ", plan="day@1", customs="release",
    )  # fmt: skip


def ended(decision: int, wanted: str | None, lane: str | None, **changes: Any) -> Ended:
    values = {**KNOWN, "result": "OK", "reason": "OK", "identity": "READ", "evidence": "chute_eye", **changes}
    return Ended(line="S1", track=31, decision=decision, wanted=wanted, lane=lane, **values)


def event(name: str, ms: float, data: Data, seq: int = 1, *, degraded: bool = False) -> dict[str, Any]:
    days, at = divmod(T0 + round(ms), 86_400_000)
    time = f"2026-11-{23 + days}T{at // 3600_000:02}:{at // 60_000 % 60:02}:{at // 1000 % 60:02}.{at % 1000:03}Z"
    body = envelope(
        ORIGIN, seq=seq, id="i", name=name, subject=f"travel/{TRAVEL}", time=time, recorded=time,
        degraded=degraded, data=data,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(body)
    return found


def story(*happened: tuple[str, float, Data]) -> str:
    return "\n".join(told([event(name, ms, data, seq) for seq, (name, ms, data) in enumerate(happened, start=1)], 80))


# --- trace ------------------------------------------------------------------------------------------------------------


def test_a_hold_on_the_way() -> None:
    assert story(
        ("parcel/inducted", 0, INDUCTED),
        ("parcel/read", 484, READ),
        ("parcel/routed", 800, routed(1, ("S1-L04", "S1-EX"), "PLAN", "rule 12: BE", 7900)),
        (
            "parcel/rerouted",
            3354,
            routed(2, ("S1-BOND", "S1-EX"), "HOLD", "customs hold: H7 BE on parcel P7", 5346),
        ),
        ("parcel/sorted", 8301, ended(2, "S1-BOND", "S1-BOND")),
    ).splitlines() == [
        "parcel P7, began 2026-11-23 15:42:00.000 UTC",
        "travel S1-k7x2m9qd-7",
        "       +0 ms  inducted   line S1 at S1-IND, track 31, 246 mm",
        "     +484 ms  read       tunnel-1 at S1-T1: RB123456785GB",
        "     +800 ms  routed     #1 to S1-L04, else S1-EX: by the sort plan (PLAN), rule",
        "                         12: BE; 7900 ms left",
        "    +3354 ms  rerouted   #2 to S1-BOND, else S1-EX: no customs release (HOLD),",
        "                         customs hold: H7 BE on parcel P7; 5346 ms left",
        "    +8301 ms  sorted     into S1-BOND as #2 asked; seen by the chute's eye",
    ]


def test_a_parcel_without_a_code_is_told_by_its_travel() -> None:
    text = story(
        ("parcel/inducted", 0, INDUCTED),
        ("parcel/read", 480, NO_READ),
        ("parcel/routed", 800, routed(1, ("S1-EX",), "NORD", "the reader found no code", 7900, WHO)),
        ("parcel/rejected", 9100, ended(1, "S1-EX", "S1-EX", parcel=None, reason="NORD", identity="NO_READ")),
    )
    assert "parcel not identified" in text
    assert "tunnel-1 at S1-T1: no code found (NO_READ)" in text
    assert "#1 to S1-EX: not read (NORD), the reader found no code" in text
    assert "into S1-EX as #1 asked; not read (NORD)" in text


def test_a_refused_decision_leaves_the_older_one() -> None:
    late = Refused(**KNOWN, line="S1", decision=2, code="LATE", standing=1)
    assert say(event("parcel/refused", 0, late)) == (
        "#2: the PLC: too late, none of its lanes can be reached (LATE); #1 stands"
    )
    never = Refused(**KNOWN, line="S1", decision=0, code="EXPIRED", standing=0)
    assert say(event("parcel/refused", 0, never)) == (
        "a new decision: too late to be sent, so it was not sent (EXPIRED); the default lane stands"
    )


def test_a_recall_says_where_to_look() -> None:
    recall = Recall(
        **KNOWN, line="S1", lane="S1-L02", ordinal=3, seconds_since_drop=2.4, customs="hold", terminal=TRAVEL
    )
    assert say(event("parcel/recall", 0, recall)) == "customs says hold; find it in S1-L02: drop 3, 2.4 s before"
    assert say(event("parcel/held_escaped", 0, recall)).startswith("without a release in a lane that is not supervised")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (ended(1, "S1-L03", "S1-L03"), "into S1-L03 as #1 asked; seen by the chute's eye"),
        (
            ended(1, "S1-L03", "S1-L04", result="FU", reason="FU", evidence="gate"),
            "into S1-L04, #1 asked for S1-L03 first; the first lane was full (FU); seen by the gate",
        ),
        (
            ended(0, None, "S1-EX", result="NA", reason="NA", evidence="commanded"),
            "into S1-EX; no decision was obeyed; no destination came (NA); not seen, only commanded",
        ),
        (
            ended(0, None, None, result="-", reason="tracking lost after S1-T1", evidence=None),
            "nobody knows where it is; tracking lost after S1-T1",
        ),
        (
            ended(4, "S1-L03", "S1-L03", decision_not_recorded=True, evidence=None),
            "into S1-L03 as #4 asked; the journal lacks that decision",
        ),
    ],
)
def test_ends(data: Ended, words: str) -> None:
    assert say(event("parcel/sorted", 0, data)) == words


def test_every_reason_of_a_decision_has_words() -> None:
    filters = {"HOLD", "SIZE", "PASS", "NOLN", "PLAN", "DOUB", *lanes.NOT_AVAILABLE}
    assert filters | set(routing.REASONS.values()) == set(_story.REASONS)


def test_events_are_told_in_the_order_in_which_they_happened() -> None:
    rows = story(("parcel/read", 480, READ), ("parcel/inducted", 0, INDUCTED)).splitlines()
    assert [row.split()[2] for row in rows[2:]] == ["inducted", "read"]


def test_a_second_travel_of_a_visit_names_the_visit() -> None:
    again = INDUCTED.model_copy(update={"travel": "S2-k7x2m9qd-90"})
    text = story(("parcel/inducted", 0, INDUCTED), ("parcel/inducted", 60_000, again))
    assert f"\ntravel {TRAVEL}\n" in text
    assert f"\ntravel S2-k7x2m9qd-90 of visit {TRAVEL}\n" in text
    assert "+60000 ms  inducted" in text


def test_events_made_with_the_broker_away_say_so() -> None:
    assert "(the broker was away)" in told([event("parcel/read", 0, READ, degraded=True)], 80)[-1]


def test_an_alarm_about_the_parcel_is_one_in_its_trace() -> None:
    asked = ReadSeen(
        parcel="P2", reader="HT-09", point="HANDS", outcome="READ", code="RB123456785GB", process="load",
        target="ULD-5", station="D4", actor="op-7", verdict="hold", words="customs hold: H7 BE on parcel P2",
        stored=True,
    )  # fmt: skip
    what = "P2 was taken into ULD-5 (load) without an answer: customs hold"
    held = Alarm(parcel="P2", alarm="hand-held-P2", what=what, priority="critical")
    assert story(
        ("parcel/read", 0, asked),
        ("alarm/raised", 1, held),
        ("alarm/cleared", 86_400_000, held.model_copy(update={"what": f"it is over: {what}", "priority": "low"})),
    ).splitlines() == [
        "parcel P2, began 2026-11-23 15:42:00.000 UTC",
        "       +0 ms  read       HT-09 at HANDS: RB123456785GB, load at ULD-5, station",
        "                         D4, op-7: HOLD, customs hold: H7 BE on parcel P2;",
        "                         already done without an answer (stored)",
        "       +1 ms  alarm      hand-held-P2, critical: P2 was taken into ULD-5 (load)",
        "                         without an answer: customs hold",
        "-- 2026-11-24",
        "+86400000 ms  alarm over hand-held-P2, P2 was taken into ULD-5 (load) without an",
        "                         answer: customs hold",
    ]


# --- any event --------------------------------------------------------------------------------------------------------

for model in (*EVENTS.values(), PassageSeen, Received):
    model.model_rebuild()  # type: ignore[attr-defined]  # it is built with the first event of its kind, and hypothesis looks before
ANY = st.sampled_from(sorted(EVENTS)).flatmap(lambda name: st.tuples(st.just(name), st.from_type(EVENTS[name])))


@given(st.lists(ANY, min_size=1, max_size=5), st.integers(40, 120))
def test_every_event_can_be_told_on_any_terminal(happened: list[tuple[str, Data]], width: int) -> None:
    events = [event(name, number, data, number) for number, (name, data) in enumerate(happened)]
    screen = Told(width)
    rows = [*told(events, width), *(row for one in events for row in screen.rows(one))]
    assert all(len(row) <= width for row in rows)
    assert all(character.isprintable() for row in [*rows, *map(line_of, events)] for character in row)


def test_what_a_label_says_is_never_a_command_to_the_terminal() -> None:
    evil = READ.model_copy(update={"code": "RB\x1b[2J\r\n1"})
    assert say(event("parcel/read", 0, evil)) == "tunnel-1 at S1-T1: RB\\x1b[2J\\r\\n1"


def test_a_line_of_the_tail() -> None:
    assert line_of(event("parcel/read", 1, READ)) == (
        "15:42:00.001 parcel/read      S1-k7x2m9qd-7    tunnel-1 at S1-T1: RB123456785GB"
    )


def about(name: str, subject: str, data: Data, ms: float = 0) -> dict[str, Any]:
    return event(name, ms, data) | {"subject": subject}


@pytest.mark.parametrize(
    ("name", "subject", "data", "words"),
    [
        (
            "alarm/raised",
            "alarm/programming-code-tunnel-1",
            Alarm(alarm="programming-code-tunnel-1", what="tunnel-1 read what programs it", priority="high"),
            "alarm/raised     programming-code-tunnel-1 high: tunnel-1 read what programs it",
        ),
        (
            "alarm/raised",
            "alarm/hand-held-P2",
            Alarm(parcel="P2", alarm="hand-held-P2", what="P2 was taken", priority="critical"),
            "alarm/raised     hand-held-P2     critical: P2 was taken",
        ),
        (
            "alarm/cleared",
            "alarm/gap",
            Alarm(alarm="gap", what="it is over: 3 sequences are missing"),
            "alarm/cleared    gap              over: 3 sequences are missing",
        ),
        (
            "alarm/cleared",
            "alarm/device-tunnel-1",
            Alarm(alarm="device-tunnel-1", what="its heartbeat is back"),
            "alarm/cleared    device-tunnel-1  over: its heartbeat is back",
        ),
        (
            "device/recovered",
            "device/tunnel-1",
            DeviceChanged(device="tunnel-1", why="its heartbeat is back"),
            "device/recovered tunnel-1         its heartbeat is back",
        ),
        (
            "parcel/read",
            "device/dock",
            READ.model_copy(update={"travel": None, "visit": None, "reader": "dock", "point": "D1"}),
            "parcel/read      device/dock      dock at D1: RB123456785GB",
        ),
        (
            "node/started",
            "node/sorter-a",
            NodeChanged(boot=3, version="1.0"),
            "node/started     sorter-a         boot 3, version 1.0",
        ),
    ],
)
def test_the_tail_names_whole_what_it_is_about(name: str, subject: str, data: Data, words: str) -> None:
    assert line_of(about(name, subject, data)) == f"15:42:00.000 {words}"


def test_the_tail_says_the_day_when_it_is_another_and_wraps_for_a_terminal() -> None:
    what = "P2 was taken into ULD-5 (load) without an answer: customs hold: H7 BE on parcel P2"
    alarm = Alarm(parcel="P2", alarm="hand-held-P2", what=what, priority="critical")
    happened = [about("alarm/raised", "alarm/hand-held-P2", alarm, ms) for ms in (0, 1)]
    happened.append({**happened[0], "time": "2026-11-24T00:00:00.000Z"})
    screen = Told(80)
    assert [row for one in happened for row in screen.rows(one)] == [
        "-- 2026-11-23, times are UTC",
        "15:42:00.000 alarm/raised     hand-held-P2     critical: P2 was taken into ULD-5",
        "                              (load) without an answer: customs hold: H7 BE on",
        "                              parcel P2",
        "15:42:00.001 alarm/raised     hand-held-P2     critical: P2 was taken into ULD-5",
        "                              (load) without an answer: customs hold: H7 BE on",
        "                              parcel P2",
        "-- 2026-11-24, times are UTC",
        "00:00:00.000 alarm/raised     hand-held-P2     critical: P2 was taken into ULD-5",
        "                              (load) without an answer: customs hold: H7 BE on",
        "                              parcel P2",
    ]
    pipe = Told(None)
    assert [len(pipe.rows(one)) for one in happened] == [2, 1, 2]


# --- status -----------------------------------------------------------------------------------------------------------


def node(lines: int) -> dict[str, Any]:
    link = {"up": True, "last_byte_ms": 210, "frames": 53, "garbled": {}, "reopened": 0, "why": ""}
    line = {"synchronised": True, "session": True, "state": "RUN", "speed_mm_s": 2500, "running": True, "travels": 36}
    lane = {"state": "FREE", "drops": 2, "on_way": 1}
    names = [f"S{number}" for number in range(1, lines + 1)]
    return {
        "site": "lgg", "node": "sorter-a", "mode": "production", "plan": "day 1", "journal": "k7x2m9qd",
        "sequence": 123_456, "late": 4,
        "broker": {"online": True, "url": "mqtts://broker.hub:8883", "why": "", "queued": 0, "quarantined": 0},
        "customs": {"expected": True, "fresh": True, "records": 107, "position": 114},
        "links": {f"{kind}-{name}": dict(link) for kind in ("plc", "tunnel") for name in names},
        "lines": {name: {**line, "inhibited": False} for name in names},
        "lanes": {f"{name}-L{number:02}": dict(lane) for name in names for number in range(1, 9)},
    }  # fmt: skip


@pytest.mark.parametrize("lines", [1, 2, 3, 16, 40])
def test_status_fits_a_terminal(lines: int) -> None:
    well = node(lines)
    bad = node(lines)
    why = (
        "10.20.30.40:8883: its certificate has expired, or this machine's clock is wrong: it says 2026-11-26 22:30 UTC"
    )
    bad["broker"].update(online=False, why=why, queued=123_456_789)
    for link in bad["links"].values():
        link.update(up=False, why="no such device", last_byte_ms=None, garbled={"silence inside a frame": 7})
    for line in bad["lines"].values():
        line.update(synchronised=False, session=False, state="JAM", inhibited=True)
    for lane in bad["lanes"].values():
        lane["state"] = "FULL"
    for answer in (well, bad):
        rows = shown(answer, 80)
        assert len(rows) <= 24
        assert all(len(row) <= 80 for row in rows)


def test_status_of_a_small_floor_names_everything() -> None:
    text = "\n".join(shown(node(2), 80))
    for name in ("plc-S1", "plc-S2", "tunnel-S1", "tunnel-S2"):
        assert re.search(rf"^{name} +up +0\.2 s +53 +0 +0$", text, re.MULTILINE)
    assert re.search(r"^S1 +normal +RUN +2500 +36$", text, re.MULTILINE)
    assert "16 lanes, 32 drops, 16 on their way; all free" in text
    assert re.search(r"^broker +online +0 queued, 0 quarantined; mqtts://broker.hub:8883$", text, re.MULTILINE)
    assert text.endswith("all well")


def test_of_many_links_and_lines_only_those_in_trouble_have_a_row() -> None:
    answer = node(16)
    answer["links"]["tunnel-S9"].update(up=False, why="gone")
    answer["lines"]["S9"]["state"] = "JAM"
    answer["lanes"]["S9-L03"]["state"] = "FULL"
    text = "\n".join(shown(answer, 80))
    assert re.search(r"^tunnel-S9 +DOWN +0\.2 s +53 +0 +0\n    gone$", text, re.MULTILINE)
    assert re.search(r"^31 other links +up +0\.2 s +1643", text, re.MULTILINE)
    assert re.search(r"^S9 +normal +JAM", text, re.MULTILINE)
    assert re.search(r"^15 other lines +normal and RUN +540$", text, re.MULTILINE)
    assert "S9-L03 FULL" in text
    assert text.endswith("not well: link down: tunnel-S9; line S9 stands: jam")


@pytest.mark.parametrize(("state", "word"), [("ESTP", "emergency stop"), ("JAM", "jam"), ("FALT", "fault")])
def test_a_line_that_stands_is_not_well_and_has_no_speed(state: str, word: str) -> None:
    answer = node(5)
    answer["lines"]["S2"].update(state=state, running=False)
    rows = shown(answer, 80)
    assert rows[-1] == f"not well: line S2 stands: {word}"
    assert re.search(rf"^S2 +normal +{state} +0 +36$", "\n".join(rows), re.MULTILINE)
    answer["alarms"] = {"element-S2-S2-DEC": "line S2: S2-DEC is jammed"}
    said = ["alarm: element-S2-S2-DEC"]
    assert problems(answer) == ([f"line S2 stands: {word}", *said] if state == "ESTP" else said)
    assert problems(answer, alarms=False) == ([f"line S2 stands: {word}"] if state == "ESTP" else [])
    answer["alarms"] = {"element-S1-S1-DEC": "line S1: S1-DEC is jammed"}
    assert f"line S2 stands: {word}" in problems(answer)
    for name in ("S1", "S3", "S4", "S5"):
        answer["lines"][name].update(state=state)
    answer["alarms"] = {}
    assert problems(answer) == [f"lines S1, S2, S3 and 2 more stand: {word}"]


@pytest.mark.parametrize("state", ["STOP", "MANU", "MAIN", "SLOW"])
def test_a_line_that_stands_because_people_want_it_is_well(state: str) -> None:
    answer = node(1)
    answer["lines"]["S1"].update(state=state)
    assert problems(answer) == []


def test_what_was_told_once_is_shown_and_is_no_trouble_that_stands() -> None:
    answer = node(2)
    what = "travel S2#17 lies in S2-L009 without a customs release"
    answer["told"] = [{"time": "2026-11-23T14:02:11.250Z", "alarm": "held-escaped-S2#17", "what": what}]
    rows = shown(answer, 80)
    assert rows[-4:] == [
        "",
        "told     14:02:11 held-escaped-S2#17: travel S2#17 lies in S2-L009 without a",
        "    customs release",
        "all well",
    ]
    answer["told"] *= 10
    rows = shown(answer, 80)
    assert len([row for row in rows if row.startswith("told ")]) == 8
    assert rows[-2] == "and 2 more told: floord status --json"


def test_an_alarm_that_stands_is_told_in_words() -> None:
    answer = node(2)
    answer["alarms"] = {"disk-space": "the journal's disk has less than 2000 MB free; " + "nothing is inducted " * 20}
    rows = shown(answer, 80)
    at = next(number for number, row in enumerate(rows) if row.startswith("alarm    disk-space: the journal's disk"))
    assert rows[at + 1].startswith("    ")
    assert rows[at + 1].endswith(" …")
    assert rows[at + 2 :] == ["not well: alarm: disk-space"]
    answer["alarms"] = {f"fault-{number}": "begun anew" for number in range(10)}
    rows = shown(answer, 80)
    assert len([row for row in rows if row.startswith("alarm    fault-")]) == 8
    assert rows[-2] == "and 2 more alarms: floord status --json"
    assert all(len(row) <= 80 for row in rows)


def test_one_of_a_kind_is_no_many() -> None:
    answer = node(1)
    answer["customs"]["records"] = 1
    answer["lanes"] = {"L1": {"state": "FREE", "drops": 1, "on_way": 1}}
    text = "\n".join(shown(answer, 80))
    assert "1 record, position" in text
    assert "1 lane, 1 drop, 1 on their way" in text


def test_why_a_link_is_down_stands_in_a_row_of_its_own() -> None:
    answer = node(2)
    why = "no such device: /dev/serial/by-id/usb-FTDI_USB-RS485_AB0C1D2E-if00-port0 is not there; plug it in"
    long = "tunnel-of-the-second-line"
    answer["links"]["plc-S1"].update(up=False, why="connection refused", last_byte_ms=None)
    answer["links"]["plc-S2"].update(up=False, why="", last_byte_ms=None)
    answer["links"][long] = answer["links"].pop("tunnel-S1") | {"up": False, "why": why}
    rows = shown(answer, 80)
    assert rows[4:13] == [
        "link                             last byte   frames  garbled reopened",
        "plc-S1                    DOWN       never       53        0        0",
        "    connection refused",
        "plc-S2                    DOWN       never       53        0        0",
        "    not open yet",
        "tunnel-S2                 up         0.2 s       53        0        0",
        "tunnel-of-the-second-line DOWN       0.2 s       53        0        0",
        "    no such device: /dev/serial/by-id/usb-FTDI_USB-RS485_AB0C1D2E-if00-port0 is",
        "    not there; plug it in",
    ]


def test_nothing_in_trouble_is_left_out_in_silence() -> None:
    answer = node(16)
    for link in answer["links"].values():
        link["up"] = False
    for line in answer["lines"].values():
        line["synchronised"] = False
    text = "\n".join(shown(answer, 80))
    assert re.search(rf"^{32 - MOST} other links +{32 - MOST} DOWN", text, re.MULTILINE)
    assert re.search(rf"^{16 - MOST} other lines +{16 - MOST} in trouble", text, re.MULTILINE)
    assert "link down: plc-S1, plc-S2, plc-S3 and 29 more" in " ".join(text.split())


# --- README -----------------------------------------------------------------------------------------------------------


def test_what_the_readme_names_is_there() -> None:
    text = (ROOT / "README.md").read_text()
    named = re.findall(r"`((?:controller|devices|firmware_stubs)/[\w/]+\.py)(?:: (?:\w+\.)?(\w+))?`", text)
    assert len(named) > 15
    for path, name in named:
        assert re.search(rf"^ *(?:async )?(?:def|class) {name}\b", (ROOT / path).read_text(), re.MULTILINE), (
            path,
            name,
        )
    tests = set(re.findall(r"(?:faults/)?\btest_\w+\.py", text))
    assert [test for test in sorted(tests) if not (ROOT / "tests" / test).exists()] == []
    links = re.findall(r"\]\(([\w/.-]+)\)", text)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_scanner_of_the_documents_is_what_they_say(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "new-scanner.md").read_text()
    spaces: list[dict[str, Any]] = []
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL)):
        (tmp_path / f"example_{number}.py").write_text(code)
        spaces.append(runpy.run_path(str(tmp_path / f"example_{number}.py"), run_name=f"example_{number}"))
    wire = [line.split(" | ") for line in re.findall(r"^[0-9A-F]{2} .+\|.+\|.+$", text, re.MULTILINE)]
    assert len(wire) == 3
    for raw, meaning, _ in wire:
        [item] = spaces[0]["Driver"](spaces[0]["Settings"]()).feed(bytes.fromhex(raw), 1.0)
        assert type(item).__name__.lower() == meaning.split()[1].rstrip(":").replace("_", "")
    scanner = spaces[1]["Scanner"](spaces[1]["Settings"](), 1, 0.0)
    scanner.gate([b"RB123456785GB"], 0.0)
    scanner.gate([], 0.0)
    assert scanner.take() == bytes.fromhex(wire[0][0] + wire[1][0])
    assert scanner.said() == [b"RB123456785GB", None]
