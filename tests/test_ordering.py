"""Commands of the centre on the floor: refused in order of their faults, done once, audited, answered, kept."""

from __future__ import annotations

from typing import Any

import pytest

from controller import kept, machine_orders, ordering
from controller.advice import ContainerRecord
from controller.effects import Keep, Reply
from controller.floor import Floor
from controller.inputs import CameBack, Clock, Ordered, Stood
from controller.orders import VERBS, Order
from devices import types as said
from devices.types import Request, Trigger
from tests.floor_fixture import PLC, UTC, Bench, advice, ready, ride
from tests.test_loops import LOOP, lap, on

HOUR = 3_600_000.0
P1: dict[str, Any] = {"subject_kind": "parcel", "subject_id": "P1"}


def order(bench: Bench, verb: str, name: str = "c-1", **fields: Any) -> Order:
    """A command that was issued just now and lives for a minute."""
    now = int(UTC + bench.now)
    base = {"id": name, "issued": now, "expires": now + 60_000, "actor": "desk-4"}
    return VERBS[verb].validate_python({**base, **fields})


def give(bench: Bench, verb: str, name: str = "c-1", retained: bool = False, **fields: Any) -> Reply:
    """Give it; the one reply. There is one audit event, too, which says the same."""
    before = len(bench.named("command/done")) + len(bench.named("command/refused"))
    effects = bench.step(Ordered(order(bench, verb, name, **fields), retained))
    (reply,) = [effect for effect in effects if isinstance(effect, Reply)]
    audits: list[Any] = [event for event in bench.events if event.name in ("command/done", "command/refused")]
    assert len(audits) == before + 1
    assert audits[-1].name == ("command/done" if reply.done else "command/refused")
    assert (audits[-1].data.why, audits[-1].data.actor) == (
        reply.why or None,
        fields.get("actor", "desk-4"),
    )
    assert (reply.verb, reply.command) == (verb, name)
    return reply


def made(*changes: str, parcels: tuple[Any, ...] = ()) -> Bench:
    bench = ready(*changes, parcels=parcels)
    bench.step(Clock(UTC + bench.now))
    return bench


def restarted(bench: Bench) -> Floor:
    """A new floor from what was kept."""
    floor = Floor(bench.config, bench.plan, "jrnl0000", bench.floor.sequence)
    kept.restore(floor, {key: kept.dump(value) for key, value in bench.kept.items()}, same_boot=True)
    return floor


# --- when it is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("issued", "expires", "why"),
    [
        (0, 0, "later than issued"),
        (0, -5, "later than issued"),
        (0, 24 * 3_600_000 + 1, "24 h"),
        (60_001, 61_000, "60 s in the future"),
        (-10_000, -3000, "expired 3 s ago"),
        (-10_000, 0, "expired 0 s ago"),
    ],
)
def test_times_that_make_no_sense(issued: int, expires: int, why: str) -> None:
    bench = made()
    now = int(UTC + bench.now)
    reply = give(bench, "lane_close", lane="S1-L01", issued=now + issued, expires=now + expires)
    assert not reply.done
    assert why in reply.why
    assert bench.floor.lanes["S1-L01"].closed_by is None
    assert bench.floor.orders == {}, "who is refused for its times may be given again with better ones"


def test_the_clocks_may_be_a_minute_apart() -> None:
    bench = made()
    now = int(UTC + bench.now)
    assert give(bench, "lane_close", lane="S1-L01", issued=now + 60_000, expires=now + 60_000 + 24 * 3_600_000).done


def test_retained_is_refused_before_anything_else() -> None:
    bench = made()
    assert "retained" in give(bench, "lane_close", retained=True, lane="S1-L01", expires=0).why
    assert give(bench, "lane_close", lane="S1-L01").done, "its id was not used up"
    assert "retained" in give(bench, "lane_close", retained=True, lane="S1-L01").why


def test_a_command_is_done_once() -> None:
    bench = made()
    assert give(bench, "lane_close", lane="S1-L01").done
    assert give(bench, "lane_open", "c-2", lane="S1-L01").done
    assert give(bench, "lane_close", lane="S1-L01").why == "repeated; it was done"
    assert bench.floor.lanes["S1-L01"].closed_by is None
    assert give(bench, "lane_open", "c-3", lane="S1-L01").why == "lane S1-L01 is not closed by command"
    assert give(bench, "lane_open", "c-3", lane="S1-L01").why == "repeated; it was refused"


def test_a_restart_knows_what_was_done() -> None:
    bench = made()
    give(bench, "lane_close", lane="S1-L01")
    give(bench, "lane_open", "c-2", lane="S1-L02")
    floor = restarted(bench)
    assert floor.orders == bench.floor.orders != {}
    assert floor.lanes["S1-L01"].closed_by == "desk-4"
    bench.floor = floor
    bench.step(Clock(UTC + bench.now))
    assert give(bench, "lane_close", lane="S1-L01").why == "repeated; it was done"
    assert give(bench, "lane_open", "c-2", lane="S1-L02").why == "repeated; it was refused"


def test_an_id_is_forgotten_an_hour_after_its_command_expired() -> None:
    bench = made()
    give(bench, "lane_close", lane="S1-L01")
    bench.after(60_000 + HOUR - 1)
    give(bench, "lane_open", "c-2", lane="S1-L01")
    assert ("order", "c-1") in bench.kept
    bench.after(1)
    assert not give(bench, "lane_open", "c-3", lane="S1-L01").done
    assert ("order", "c-1") not in bench.kept
    assert set(bench.floor.orders) == {"c-2", "c-3"}


def test_what_is_remembered_is_bounded() -> None:
    bench = made()
    for number in range(ordering.MOST):
        bench.floor.orders[f"old-{number}"] = (int(UTC + bench.now) + 1000 + number % 2, True)
    assert "have not expired" in give(bench, "lane_close", lane="S1-L01").why
    assert bench.floor.lanes["S1-L01"].closed_by is None
    bench.after(1000)
    assert give(bench, "lane_close", lane="S1-L01").done, "expired ones make room: they are refused as expired"
    assert len(bench.floor.orders) == ordering.MOST // 2 + 1


def test_any_id_has_a_subject() -> None:
    bench = made()
    give(bench, "lane_close", "a.b_c-1", lane="S1-L01")
    give(bench, "lane_close", "../#/é", lane="S1-L01")
    subjects = [event.subject for event in bench.events if event.name == "command/done"]
    assert subjects[0] == "command/a.b_c-1"
    assert len(subjects[1]) == len("command/") + 40
    assert bench.last("command/done").command == "../#/é"


def test_the_audit_says_what_was_wanted() -> None:
    bench = made()
    give(bench, "hold", why="asked for by phone", **P1)
    data = bench.last("command/done")
    assert (data.verb, data.parcel) == ("hold", "P1")
    assert data.arguments == {**P1, "why": "asked for by phone"}


# --- hold and release -------------------------------------------------------------------------------------------------


def test_a_local_hold_holds_and_its_release_gives_back_what_was() -> None:
    bench = made(parcels=(advice(),))
    bench.customs("release")
    bench.head()
    ride(bench)
    bench.answer()
    assert bench.dests()[-1][2] == "PLAN"
    assert give(bench, "hold", **P1).done
    assert bench.dests()[-1] == (2, ("BOND", "EX"), "HOLD")
    bench.answer()
    assert give(bench, "release", "c-2", **P1).done
    assert bench.dests()[-1][2] == "PLAN"


def test_a_hold_that_finds_no_room_is_not_said_to_be_done() -> None:
    bench = made()
    bench.floor.book.limit = 0
    assert "too many" in give(bench, "hold", **P1).why


def test_a_local_release_is_no_customs_release() -> None:
    bench = made(parcels=(advice(),))
    bench.head()
    assert give(bench, "release", **P1).why == "there is no local hold on parcel P1"
    give(bench, "hold", "c-2", **P1)
    assert give(bench, "release", "c-3", **P1).done
    verdict = bench.floor.book.verdict(advice(), bench.now)
    assert (verdict.released, verdict.why) == (False, "no customs status")
    bench.customs("hold")
    bench.head()
    give(bench, "hold", "c-4", **P1)
    give(bench, "release", "c-5", **P1)
    assert bench.floor.book.verdict(advice(), bench.now).why == "H7 BE on parcel P1"


def test_a_local_hold_holds_what_needs_no_release_and_survives_a_restart() -> None:
    bench = made(parcels=(advice(customs="none", belongs={"consignment": "K1"}),))
    give(bench, "hold", subject_kind="consignment", subject_id="K1")
    one = bench.store["P1"]
    assert bench.floor.book.verdict(one, bench.now).why == "local lgg on consignment K1"
    assert not restarted(bench).book.verdict(one, bench.now).released
    give(bench, "release", "c-2", subject_kind="consignment", subject_id="K1")
    assert bench.floor.book.verdict(one, bench.now).released
    assert restarted(bench).book.verdict(one, bench.now).released
    give(bench, "hold", "c-3", subject_kind="consignment", subject_id="K1")
    assert not bench.floor.book.verdict(one, bench.now).released


def test_a_hold_after_the_gate_recalls() -> None:
    bench = made(parcels=(advice(customs="none"),))
    ride(bench)
    bench.answer()
    bench.divc(1, "S1-L01")
    give(bench, "hold", **P1)
    assert bench.last("parcel/recall").lane == "S1-L01"
    assert bench.names().index("parcel/recall") < bench.names().index("command/done"), "the audit comes last"


# --- the other commands -----------------------------------------------------------------------------------------------


def test_a_lane_is_closed_in_the_decisions_and_at_the_plc() -> None:
    bench = made(parcels=(advice(customs="none"),))
    ride(bench)
    bench.answer()
    assert bench.dests()[-1][1][0] == "L01"
    assert give(bench, "lane_close", lane="S1-L01").done
    assert bench.dests()[-1][1][0] == "L02"
    assert bench.requests() == ["BLCK"]
    (block,) = [send for send in bench.sent if send.expires == bench.now + machine_orders.TELL_MS]
    assert isinstance(block.command, Request)
    assert block.command == Request("S1-L01", "BLCK", block.command.command_id)
    assert give(bench, "lane_open", "c-2", lane="S1-L01").done
    assert bench.requests() == ["BLCK", "OPEN"]


READ_ONLY = 'commands = ["BLCK", "OPEN", "INHB"] => commands = []'


def test_read_only_a_lane_is_closed_in_the_decisions_alone() -> None:
    bench = made(READ_ONLY)
    assert give(bench, "lane_close", lane="S1-L01").done
    assert bench.requests() == []
    assert bench.floor.lanes["S1-L01"].closed_by == "desk-4"


def test_read_only_the_rules_ask_all_the_same() -> None:
    bench = made(READ_ONLY)
    give(bench, "lane_close", lane="S1-BOND")
    give(bench, "lane_close", "c-2", lane="S1-EX")
    assert bench.requests() == ["INHB"]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"line": "S9"}, "no line 'S9'"),
        ({"element": "DRIVE-2"}, "no element 'DRIVE-2' on line S1; did you mean 'DRIVE-1'?"),
        ({"command": "EMPT"}, "the floor file allows only BLCK OPEN INHB there: add EMPT to the PLC's commands = […]"),
    ],
)
def test_a_machine_is_asked_only_what_the_floor_file_allows(fields: dict[str, Any], why: str) -> None:
    bench = made()
    wanted: dict[str, Any] = {"line": "S1", "command": "INHB", **fields}
    told = give(bench, "element", **wanted)
    assert told.why.startswith(why)
    assert bench.requests() == []


def test_nothing_is_asked_where_people_may_ask_nothing() -> None:
    told = give(made(READ_ONLY), "element", line="S1", command="INHB")
    assert told.why == "the floor file allows none there: add INHB to the PLC's commands = […]"


@pytest.mark.parametrize(
    ("refusal", "why"),
    [
        (None, None),
        ("LUNK", "the PLC does not know the element"),
        ("EXPIRED", "the PLC did not answer in time; what became of it is not known"),
        ("BUSY", "the PLC refused it with BUSY"),
    ],
)
def test_a_machine_s_answer_is_the_reply(refusal: str | None, why: str | None) -> None:
    bench = made()
    asked = order(bench, "element", line="S1", element="DRIVE-1", command="INHB")
    effects = bench.step(Ordered(asked))
    assert not [effect for effect in effects if isinstance(effect, Reply)], "nobody knows yet what the PLC says"
    (send,) = [one for one in bench.sent if isinstance(one.command, Request)]
    assert isinstance(send.command, Request)
    assert (send.command.element, send.command.command) == ("DRIVE-1", "INHB")
    again = bench.step(Ordered(asked))
    assert [effect.why for effect in again if isinstance(effect, Reply)] == [
        "repeated; the machine has not answered yet"
    ]
    assert send.ref is not None
    answer = bench.step(CameBack(PLC, *send.ref, refusal))
    (reply,) = [effect for effect in answer if isinstance(effect, Reply)]
    assert (reply.done, reply.why) == (refusal is None, why or "")
    audit = bench.last("command/done" if refusal is None else "command/refused")
    assert audit.why == why
    assert audit.arguments == {"line": "S1", "element": "DRIVE-1", "command": "INHB"}
    assert restarted(bench).orders["c-1"][1] is (refusal is None)


def test_without_a_session_a_machine_is_not_asked() -> None:
    bench = made()
    bench.plc(said.SessionLost("no valid message for 3 s", bench.now))
    told = give(bench, "element", line="S1", command="INHB")
    assert told.why == "the PLC has no session: try again when it has"


def test_no_supervised_lane_left_inhibits_induction() -> None:
    bench = made()
    give(bench, "lane_close", lane="S1-BOND")
    assert bench.named("line/inhibited") == []
    give(bench, "lane_close", "c-2", lane="S1-EX")
    assert len(bench.named("line/inhibited")) == 1


def test_a_lane_that_is_not_there() -> None:
    assert give(made(), "lane_close", lane="S1-L1").why == "no lane 'S1-L1'; did you mean 'S1-L01'?"


def test_a_container_is_closed_by_command() -> None:
    bench = made()
    assert not give(bench, "container_close", lane="S1-L01").done
    bench.step(Stood((ContainerRecord(container="CAGE1", lane="S1-L01", status="open"),)))
    assert give(bench, "container_close", "c-2", lane="S1-L01", container="CAGE1").done
    assert bench.last("container/closed").why == "command of desk-4"
    assert bench.last("command/done").container == "CAGE1"


def test_a_recall_is_cleared_by_command() -> None:
    bench = made(parcels=(advice(customs="none"),))
    ride(bench)
    bench.answer()
    bench.divc(1, "S1-L01")
    give(bench, "hold", **P1)
    travel = bench.last("parcel/recall").travel
    assert give(bench, "recall_clear", "c-2", travel=travel, place="BOND-STORE").done
    assert bench.last("parcel/corrected").station == "BOND-STORE"
    assert not give(bench, "recall_clear", "c-3", travel=travel, place="BOND-STORE").done


def test_a_plan_is_switched_by_command() -> None:
    bench = made()
    assert give(bench, "plan_switch", plan="day").done
    assert "no plan 'night'" in give(bench, "plan_switch", "c-2", plan="night").why
    assert bench.named("plan/switched") == []


def test_every_verb_is_done_by_somebody() -> None:
    fields: dict[str, Any] = {"lane": "S1-L01", "travel": "T", "place": "X", "plan": "day", **P1}
    fields |= {"code": "CP1", "source": "video", "line": "S1", "command": "STOP", "device": "tunnel-1"}
    bench = made()
    for number, verb in enumerate(VERBS):
        assert "does not know" not in give(bench, verb, f"c-{number}", **fields).why


def test_what_is_kept_of_a_command_is_its_end_only() -> None:
    bench = made()
    effects = bench.step(Ordered(order(bench, "lane_close", lane="S1-L01")))
    assert [effect.key for effect in effects if isinstance(effect, Keep) and effect.kind == "order"] == ["c-1"]


# --- late identity ----------------------------------------------------------------------------------------------------


def test_a_code_that_somebody_read_from_the_picture_decides_anew() -> None:
    bench = made(parcels=(advice(customs="none"),))
    ride(bench, code=None)
    bench.answer()
    assert give(bench, "identify", travel=bench.travel().id, code="CP1", source="video").done
    assert bench.dests() == [(1, ("EX",), "NORD"), (2, ("L01", "L02", "EX"), "PLAN")]
    read = bench.last("parcel/read")
    assert (read.reader, read.source, read.code, read.travel) == ("desk-4", "video", "CP1", bench.travel().id)
    assert (bench.travel().identity, bench.travel().parcel) == ("READ", "P1")


def test_it_survives_a_restart() -> None:
    bench = made(parcels=(advice(customs="none"),))
    ride(bench, code=None)
    give(bench, "identify", travel=bench.travel().id, code="CP1", source="handheld")
    (line,) = restarted(bench).lines.values()
    assert [result.source for result in line.by_track[1].results] == ["tunnel", "handheld"]


def test_what_was_seen_in_the_picture_conflicts_with_what_was_read() -> None:
    bench = made(parcels=(advice("P1", customs="none"), advice("P2", customs="none")))
    ride(bench)
    bench.answer()
    give(bench, "identify", travel=bench.travel().id, code="CP2", source="ocr")
    assert bench.dests()[-1] == (2, ("EX",), "CONF")


def test_a_picture_lifts_no_doubt() -> None:
    """It may have been taken before the fault."""
    bench = made(parcels=(advice(customs="none"),))
    ride(bench)
    bench.answer()
    bench.stat("LINE", "ESTP")
    bench.after(10)
    give(bench, "identify", travel=bench.travel().id, code="CP1", source="video")
    bench.plc(said.Codes("S1-DEC", 1, "N", (), bench.now))
    assert bench.travel().doubtful
    assert bench.dests()[-1][2] == "DOUB"


def test_between_two_laps_it_counts_for_the_next() -> None:
    bench = made(LOOP, parcels=(advice(customs="none"),))
    lap(bench, 0, None)
    bench.answer()
    on(bench, 1, 1)
    give(bench, "identify", travel=bench.travel().id, code="CP1", source="video")
    lap(bench, 1, "")
    assert bench.dests()[-1] == (2, ("L01", "L02", "EX"), "PLAN")


def test_a_travel_that_has_ended_cannot_be_identified() -> None:
    bench = made(parcels=(advice(customs="none"),))
    ride(bench, code=None)
    bench.answer()
    travel = bench.travel().id
    bench.divc(1, "S1-EX")
    assert give(bench, "identify", travel=travel, code="CP1", source="video").why == f"no travel {travel} is on a belt"


SICK = (
    '[scanner.dock-1]\nkind = "line" => [scanner.dock-1]\nkind = "sick_cola"',
    'point = "DOCK"\nprefix = "\\u0002"\nsuffix = "\\u0003" => point = "DOCK"',
)


@pytest.mark.parametrize(
    ("refusal", "why"),
    [
        (None, None),
        ("0", "dock-1 refused it with 0"),
        ("EXPIRED", "dock-1 did not answer in time; what became of it is not known"),
    ],
)
def test_a_scanner_is_triggered_and_its_answer_is_the_reply(refusal: str | None, why: str | None) -> None:
    bench = ready(*SICK)
    effects = bench.step(Ordered(order(bench, "trigger", device="dock-1", on=False)))
    assert not [effect for effect in effects if isinstance(effect, Reply)]
    (tell,) = bench.told
    assert (tell.device, tell.command) == ("dock-1", Trigger(False))
    assert tell.ref is not None
    (reply,) = [one for one in bench.step(CameBack("dock-1", *tell.ref, refusal)) if isinstance(one, Reply)]
    assert (reply.done, reply.why) == (refusal is None, why or "")


@pytest.mark.parametrize(
    ("device", "why"),
    [("tunnel-1", "a line takes no trigger"), ("dock-9", "no scanner 'dock-9'; did you mean 'dock-1'?")],
)
def test_what_cannot_be_triggered_is_refused(device: str, why: str) -> None:
    bench = ready(*SICK)
    (reply,) = [one for one in bench.step(Ordered(order(bench, "trigger", device=device))) if isinstance(one, Reply)]
    assert (reply.done, reply.why) == (False, why)
