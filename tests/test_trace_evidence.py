"""`floord trace --evidence`: every message about customs that concerns a parcel, from the journal alone."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from controller.commands import _evidence, trace
from controller.commands._where import JOURNAL
from controller.journal import Batch, Evidence, Row
from tests.floor_fixture import UTC, advice, record
from tests.test_journal import altered, opened, reading
from tests.test_journal_evidence import first_schema
from tests.test_node import Daemon, arrv, divc, indu
from tests.test_story import READ, TRAVEL, ended, event

T = 1_790_000_000_000
CUSTOMS = "hub/v1/lgg/customs"


def row(seq: int, name: str, data: Any, **who: str) -> Row:
    body = json.dumps(event(name, seq, data, seq)).encode()
    whose = (who.get("visit", TRAVEL), TRAVEL, who.get("parcel"))
    return Row(seq, f"id-{seq}", f"hubfloor.{name}.v1", f"travel/{TRAVEL}", *whose, "t", "topic", body)


def said(number: int, *subjects: str, raw: bytes = b"", **done: Any) -> Evidence:
    return Evidence(T + number, CUSTOMS, raw or b'{"number": %d}' % number, subjects, **done)


MESSAGES = [
    said(0, "parcel/P7", "parcel/P8", first_seq=2, last_seq=3),
    said(1, "parcel/P8"),
    said(2, "bag/G1", "parcel/P7"),
    said(3, "air_waybill/W-4", first_seq=9, last_seq=9),
    said(4, "consignment/C7", refused=("element 2: status: Field required", "element 3: feed is missing")),
    said(5, "consignment/C9"),
    said(6, "lane/S1-L01", "container/CAGE-1"),
    said(7, f"travel/{TRAVEL}"),
    said(8),
    said(9, "bag/BEFORE"),
]
BELONGS = {"consignment": "C7", "bag": "G1", "air_waybill": "W-4"}
DROP = {"subjects": [["parcel", "P7"], ["bag", "BEFORE"]], "parcel": "P7"}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    events = [
        row(1, "parcel/read", READ),
        row(2, "parcel/sorted", ended(1, "S1-L01", "S1-L01", container="CAGE-1"), parcel="P7"),
    ]
    advised: list[tuple[str, tuple[str, ...], bytes | None]] = [
        ("P7", ("CODE",), json.dumps({"parcel": "P7", "belongs": BELONGS}).encode())
    ]
    kept: dict[tuple[str, str], bytes | None] = {("drop", TRAVEL): json.dumps(DROP).encode()}
    with opened(tmp_path / JOURNAL) as journal:
        journal.commit(Batch(events=events, advice=advised, state=kept, evidence=MESSAGES))
    return tmp_path


def floord(state: Path, *arguments: str) -> Result:
    return CliRunner().invoke(trace.command, [*arguments, "--floor", str(state)], env={"COLUMNS": "80"})


def numbers(state: Path, key: str) -> list[int]:
    """Which of MESSAGES are found."""
    with reading(state / JOURNAL) as reader:
        return [one.utc_ms - T for one, _ in reader.evidence(*reader.concerned(key, reader.trace(key)))]


# --- what is found ----------------------------------------------------------------------------------------------------


def test_a_parcel_has_what_was_said_of_all_it_belongs_to(state: Path) -> None:
    for key in ("P7", "CODE", TRAVEL):
        assert numbers(state, key) == [0, 2, 3, 4, 6, 7, 9], key
    assert numbers(state, "P8") == [0, 1]
    assert numbers(state, "P9") == []


def test_a_message_comes_once_with_the_subjects_that_were_asked_for(state: Path) -> None:
    with reading(state / JOURNAL) as reader:
        found = {one.utc_ms - T: one.subjects for one, _ in reader.evidence("parcel/P7", "bag/G1", "parcel/P9")}
    assert found == {0: ("parcel/P7",), 2: ("parcel/P7", "bag/G1")}


def test_of_a_parcel_that_never_came_the_messages_are_found_all_the_same(state: Path) -> None:
    done = floord(state, "P8", "--evidence")
    assert done.exit_code == 0
    assert "knows no event of P8" in done.output
    assert '{"number": 1}' in done.output


def test_much_about_one_consignment_is_read_in_order(tmp_path: Path) -> None:
    many = [said(number, "consignment/C1", "parcel/P1") for number in range(1001)]
    with opened(tmp_path / JOURNAL) as journal:
        journal.commit(Batch(evidence=many))
    with reading(tmp_path / JOURNAL) as reader:
        found = list(reader.evidence("consignment/C1", "parcel/P1"))
    assert [one.utc_ms - T for one, _ in found] == list(range(1001))


# --- what is shown ----------------------------------------------------------------------------------------------------


def test_it_stands_beside_the_story(state: Path) -> None:
    told = floord(state, "P7", "--evidence").output
    digest = hashlib.sha256(b'{"number": 0}').hexdigest()
    assert told.startswith("parcel P7, began ")
    assert told.partition("customs evidence, ")[2].splitlines()[:8] == [
        "the oldest message first",
        "",
        "2026-09-21 14:13:20.000 UTC on hub/v1/lgg/customs",
        "  about     parcel P7",
        "  caused    events 2 to 3",
        f"  sha256    {digest}",
        '  message   {"number": 0}',
        "",
    ]
    assert "  refused   element 2: status: Field required\n  refused   element 3: feed is missing" in told
    assert "  about     air waybill W-4\n  caused    event 9\n" in told
    assert "customs evidence" not in floord(state, "P7").output
    assert max(map(len, told.splitlines())) <= 80


def test_scripts_get_the_same(state: Path) -> None:
    lines = [json.loads(line) for line in floord(state, "P7", "--evidence", "--json").output.splitlines()]
    assert [line["sequence"][-1] for line in lines[:2]] == ["1", "2"]
    assert all(list(line) == ["evidence"] for line in lines[2:])
    assert lines[2]["evidence"] == {
        "time": "2026-09-21T14:13:20.000Z",
        "topic": CUSTOMS,
        "subjects": ["parcel/P7"],
        "sha256": hashlib.sha256(b'{"number": 0}').hexdigest(),
        "intact": True,
        "raw": '{"number": 0}',
        "refused": [],
        "caused": [2, 3],
    }
    assert len(lines) == 2 + 7


def test_nothing_is_said_clearly(state: Path) -> None:
    altered(state / JOURNAL, "DELETE FROM evidence", "DELETE FROM evidence_subject")
    done = floord(state, "P7", "--evidence")
    assert done.exit_code == 0, "there is a story"
    assert " ".join(done.output.partition("customs evidence: ")[2].split()) == (
        f"no message is kept about parcel P7, consignment C7, bag G1, air waybill W-4, bag BEFORE, "
        f"container CAGE-1, travel {TRAVEL}"
    )
    nobody = floord(state, "NOBODY", "--evidence")
    assert nobody.exit_code == 1
    assert "customs evidence: no message is kept about parcel NOBODY\n" in nobody.output


def test_a_journal_of_the_first_schema_says_why_there_is_none(tmp_path: Path) -> None:
    first_schema(tmp_path / JOURNAL)
    done = floord(tmp_path, "P1", "--evidence")
    assert done.exit_code == 1
    assert "made before evidence was kept" in done.output
    assert "made before" not in floord(tmp_path, "P1").output


def test_what_was_altered_is_not_shown_as_evidence(state: Path) -> None:
    altered(state / JOURNAL, "UPDATE evidence SET raw = x'7b7d' WHERE id = 1")
    told = floord(state, "P7", "--evidence").output
    assert told.count("ALTERED") == 1
    [first, *others] = floord(state, "P7", "--evidence", "--json").output.splitlines()[2:]
    assert json.loads(first)["evidence"]["intact"] is False
    assert all(json.loads(line)["evidence"]["intact"] for line in others)


def test_a_message_that_is_no_text_is_shown_as_bytes_and_kept_whole() -> None:
    one = said(0, "parcel/P1", raw=b"\xff\x1b[2J\x00 ")
    assert "  message   \\xff\\x1b[2J\\x00 " in _evidence.told([(one, True)], ("parcel/P1",), 80)
    assert _evidence.as_json(one, True)["raw_base64"] == "/xtbMkoAIA=="


@given(st.binary(max_size=9000), st.text(max_size=64), st.text(max_size=300), st.integers(40, 200))
def test_no_message_breaks_the_terminal(raw: bytes, name: str, why: str, width: int) -> None:
    one = said(0, f"parcel/{name}", raw=raw, refused=(why,))
    rows = _evidence.told([(one, False)], one.subjects, width)
    assert max(map(len, rows)) <= width
    assert all(row.isprintable() for row in rows)
    assert len(rows) < 20 + (_evidence.SHOWN + 400) / (width - _evidence.INDENT)


# --- with a daemon's own journal --------------------------------------------------------------------------------------


def test_a_hold_on_the_air_waybill_of_a_parcel_that_fell(tmp_path: Path) -> None:
    hub = Daemon().up()
    with opened(tmp_path / JOURNAL) as journal:
        hub.say("advice", advice(belongs={"air_waybill": "W-4"}).model_dump(mode="json"))
        hub.say("customs", record("release").model_dump(mode="json"))
        hub.say("customs/head", {"sequence": 1, "time_ms": int(UTC + hub.now)})
        hub.event("INDU", indu(1))
        hub.read("CP1", 1200.0)
        hub.now += 800
        hub.event("ARRV", arrv(1))
        hub.event("DIVC", divc(1, 1))
        hold = record("hold", 1, 2, ("air_waybill", "W-4")).model_dump(mode="json")
        hub.say("customs", [hold, hold | {"status": "held"}])
        batch = hub.on_its_way()
        journal.commit(batch)
    recall = next(row.seq for row in batch.events if row.topic.endswith("parcel/recall"))
    lines = [json.loads(line) for line in floord(tmp_path, "CP1", "--evidence", "--json").output.splitlines()]
    released, held = [line["evidence"] for line in lines if "evidence" in line]
    assert (released["subjects"], json.loads(released["raw"])["status"]) == (["parcel/P1"], "release")
    assert (held["subjects"], json.loads(held["raw"])[0]) == (["air_waybill/W-4"], hold)
    assert held["caused"][0] <= recall <= held["caused"][1]
    assert len(held["refused"]) == 1
