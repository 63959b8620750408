"""What a person reads of readers: what a hand asked and was told, which way through a portal, what a scale said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from controller.commands import tail, trace
from controller.commands._story import say
from controller.commands._where import JOURNAL
from controller.events import Measured, PassageSeen, ReadSeen, Received
from controller.journal_rows import Batch
from devices.types import Message
from tests.floor_fixture import DOCK, advice
from tests.test_hostile_codes import HANDS
from tests.test_journal import opened
from tests.test_node import Daemon
from tests.test_story import event

HAND = ReadSeen(parcel="P2", reader="HT-09", point="HANDS", outcome="READ", code="RB123456785GB", process="load")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"target": "ULD-5", "station": "D4", "actor": "op-7", "verdict": "ok", "words": "to BE"},
            "RB123456785GB, load at ULD-5, station D4, op-7: OK, to BE",
        ),
        (
            {"target": "ULD-5", "verdict": "wrong", "words": "goes to DE, not with ULD-5"},
            "RB123456785GB, load at ULD-5: WRONG, goes to DE, not with ULD-5",
        ),
        ({"verdict": "hold", "words": "customs hold"}, "RB123456785GB, load: HOLD, customs hold"),
        (
            {"verdict": "ok", "words": "to BE", "stored": True, "scanned": "2026-11-23T15:40:00Z"},
            "RB123456785GB, load: OK, to BE; already done without an answer (stored) "
            "at 2026-11-23T15:40:00Z by its clock",
        ),
        (
            {"code": None, "outcome": "NO_READ", "actor": "op-7", "verdict": "wrong", "words": "nothing was read"},
            "no code found (NO_READ), load, op-7: WRONG, nothing was read",
        ),
    ],
)
def test_what_a_hand_asked_and_was_told(changes: dict[str, Any], words: str) -> None:
    read = HAND.model_copy(update=changes)
    assert say(event("parcel/read", 0, read)) == f"HT-09 at HANDS: {words}"


def test_a_portal_says_which_way() -> None:
    passage = PassageSeen(epc="30", portal="dock-3", direction="out", first_ms=900, last_ms=400, count=12)
    read = ReadSeen(reader="portal", point="DOCK", outcome="READ", code="003", passage=passage)
    assert say(event("parcel/read", 0, read)) == "portal at DOCK: 003, out through dock-3, tag read 12 times"
    nowhere = read.model_copy(update={"passage": passage.model_copy(update={"direction": None})})
    assert say(event("parcel/read", 0, nowhere)) == "portal at DOCK: 003, through dock-3, tag read 12 times"


def weighed(*received: Received, **changes: Any) -> str:
    data = Measured(point="DWS", weight_status="E", size_status="E", received=received)
    return say(event("parcel/measured", 0, data.model_copy(update=changes)))


def sides(*values: str, unit: str = "mm", quality: str = "ok", approved: bool | None = None) -> list[Received]:
    whats = ("length", "width", "height")
    return [
        Received(what=what, value=value, unit=unit, quality=quality, approved=approved)
        for what, value in zip(whats, values, strict=True)
    ]


def test_a_measurement_is_told_as_the_machine_gave_it() -> None:
    weight = Received(what="weight", value="07.00", unit="kg", quality="ok", approved=True)
    volume = Received(what="volume", value="24000000", unit="mm3", quality="ok")
    size = sides("0400", "300", "200")
    assert weighed(weight, *size, volume) == "at DWS: 7.00 kg approved, 400 x 300 x 200 mm"
    assert weighed(*size, weight, record_id="17") == "at DWS: 7.00 kg approved, 400 x 300 x 200 mm, record 17"
    legal = sides("400", "300", "200", approved=True)
    forbidden = weight.model_copy(update={"approved": False, "value": "0.00"})
    assert weighed(forbidden, *legal) == "at DWS: 0.00 kg not approved, 400 x 300 x 200 mm approved"


def test_what_is_no_value_is_named() -> None:
    unstable = Received(what="weight", value="0007.00", unit="kg", quality="unstable", approved=True)
    assert (
        weighed(unstable, *sides("0", "0", "0", quality="zeroed")) == "at DWS: no weight (unstable), no size (zeroed)"
    )
    mixed = sides("400", "300", "200")
    mixed[1] = mixed[1].model_copy(update={"quality": "outside"})
    assert weighed(*mixed) == "at DWS: length 400 mm, no width (outside the range), height 200 mm"
    assert weighed(*sides("4", "3", "2")[:2]) == "at DWS: length 4 mm, width 3 mm"
    assert weighed(Received(what="volume", value="9", unit="mm3", quality="ok")) == "at DWS: volume 9 mm3"


def test_a_measurement_of_a_plc_is_told_in_g_and_mm() -> None:
    size = {"length_mm": 400, "width_mm": 300, "height_mm": 200, "size_status": "U"}
    assert weighed(weight_g=7000, weight_status="A", **size) == (
        "at DWS: 7000 g approved, 400 x 300 x 200 mm not approved"
    )
    assert weighed() == "at DWS: no weight, no size"


# --- from the terminal to the screen ----------------------------------------------------------------------------------


def test_a_hand_can_be_followed(tmp_path: Path) -> None:
    """It asks, is stopped, and has taken another one already: its trace has the alarm, and the tail says all of it."""
    hub = Daemon(HANDS).up()
    hub.node.link_up(DOCK, hub.now)
    for number in (1, 2):
        hub.say("advice", advice(f"P{number}").model_dump() | {"aliases": [f"CODE{number}"]})
    for number, stored in ((1, False), (2, True)):
        scan = {"scan": f"s{number}", "code": f"CODE{number}", "process": "load", "station": "D4", "actor": "op-7"}
        said = json.dumps({**scan, "target": "ULD-5", "stored": stored}).encode()
        hub.node.received(DOCK, Message("handheld/HT-09/scan", said), hub.now)
    hub.commit()
    with opened(tmp_path / JOURNAL) as journal:
        journal.commit(Batch(events=[hub.journal.rows[seq] for seq in sorted(hub.journal.rows)]))

    def shown(*words: str) -> str:
        command = {"tail": tail.command, "trace": trace.command}[words[0]]
        done = CliRunner().invoke(command, [*words[1:], "--floor", str(tmp_path)], env={"COLUMNS": "200"})
        assert done.exit_code == 0, done.output
        return done.output

    asked = "load at ULD-5, station D4, op-7: HOLD, customs hold: no customs status"
    assert f"HT-09 at DOCK: CODE1, {asked}" in shown("trace", "P1")
    assert "alarm" not in shown("trace", "P1")
    assert f"HT-09 at DOCK: CODE2, {asked}" in shown("trace", "P2")
    assert "already done without an answer (stored)" in shown("trace", "P2")
    assert "alarm      hand-held-P2, critical: P2 was taken into ULD-5 (load)" in shown("trace", "P2")
    listed = shown("tail", "--since", "1")
    assert f"HT-09 at DOCK: CODE1, {asked}" in listed
    assert "alarm/raised     hand-held-P2     critical: P2 was taken" in listed
