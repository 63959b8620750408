"""Rules of the floor that are easy to get wrong: each was wrong once, or would let a parcel go where it must not."""

from __future__ import annotations

from typing import Any

import pytest

from controller import kept
from controller.advice import CustomsHead
from controller.floor import CameBack, Connection, Floor, Told
from controller.inhibiting import INDUCTION
from controller.matching import match
from devices import types as said
from tests.floor_fixture import DOCK, EPOCH, PLC, TUNNEL, UTC, Bench, advice, ready, record, ride


def rel(*changes: str, **fields: Any) -> Bench:
    """A parcel that has its release."""
    bench = ready(*changes, parcels=(advice(**fields),))
    bench.customs("release")
    bench.head()
    return bench


def test_a_hold_with_the_bond_lane_full_is_sent() -> None:
    b = rel()
    ride(b)
    b.answer()
    b.stat("S1-BOND", "FULL")
    b.customs("hold", 2)
    assert b.dests()[-1][:2] == (2, ("EX",))


def test_slip_makes_everybody_doubtful_who_was_last_seen_before_it() -> None:
    """The middle eye sees item 1 half a metre late; whose reads are whose is not sure any more."""
    middle = '[point.S1-DEC]\n => [point.S1-MID]\nline = "S1"\nposition_mm = 1000\n[point.S1-DEC]\n'
    b = ready(middle, parcels=(advice("P1"), advice("P2")))
    b.indu(1)
    b.after(450)
    b.indu(2)
    b.after(1000)
    b.plc(said.Passed("S1-MID", 1, b.now, b.now))
    assert [b.travel(track).doubtful for track in (1, 2)] == [True, True]
    b.after(200)
    b.read("CP1")
    assert b.travel(2).results == []


def test_a_start_beyond_the_feed_is_refused() -> None:
    with pytest.raises(ValueError, match="beyond the feed"):
        CustomsHead(sequence=50, time_ms=0, since=52)
    assert CustomsHead(sequence=50, time_ms=0, since=51).since == 51


def test_conflict_after_decision_is_sent() -> None:
    b = rel()
    b.advise(advice("P2"))
    ride(b)
    b.answer()
    b.plc(said.Codes("S1-DEC", 1, "R", (said.Code(b"CP2"),), b.now))
    assert b.dests()[-1] == (2, ("EX",), "CONF")


def test_duplicate_live_diverts_the_first_too() -> None:
    b = rel()
    ride(b)
    b.answer()
    ride(b, 2)
    assert {d[2] for d in b.dests()[1:]} == {"DUPL"}
    assert len(b.dests()) == 3


def test_capacity_full_redecides() -> None:
    b = rel(country="DE")
    b.advise(advice("P2", "DE"))
    ride(b)
    b.answer()
    b.stat("S1-L01", "FULL")
    assert b.dests()[-1][0] == 2


def test_dest_unanswered_at_session_loss_is_sent_again() -> None:
    b = rel()
    ride(b)
    # the driver's order: GivenUp first, then SessionLost
    b.answer("EXPIRED")
    b.lose_session()
    b.session(said.TrackOnBelt(1, "S1-DEC", None, 0, "S", 0, b.now - 10))
    assert b.dests()[-1][:2] == (2, ("L01", "L02", "EX"))
    assert b.floor.late == 0


def test_inhibited_line_is_enabled_again() -> None:
    b = rel()
    b.stat("S1-BOND", "FULL")
    b.stat("S1-EX", "FULL")
    b.customs("hold", 2)
    ride(b)
    assert b.requests() == ["INHB"]
    b.step(CameBack(PLC, INDUCTION, 1, None))
    b.answer()
    b.after(100)
    b.divc(1, "S1-EX")
    b.stat("S1-EX", "FREE")
    assert b.requests() == ["INHB", "ENAB"]


def test_an_answer_lost_with_the_session_is_asked_for_again() -> None:
    b = rel()
    b.stat("S1-BOND", "FULL")
    b.stat("S1-EX", "FULL")
    assert b.requests() == ["INHB"]
    b.lose_session()
    b.session()
    assert b.requests() == ["INHB", "INHB"]
    b.step(CameBack(PLC, INDUCTION, 1, None))
    b.stat("S1-EX", "FREE")
    assert b.requests()[2:] == ["ENAB"]
    b.lose_session()
    b.session()
    assert b.requests()[3:] == ["ENAB"]
    b.step(CameBack(PLC, INDUCTION, 0, None))
    b.lose_session()
    b.session()
    assert len(b.requests()) == 4, "it is known"


def test_inhb_refused_in_manual_is_asked_again_in_automatic() -> None:
    b = rel()
    b.stat("LINE", "MANU")
    b.stat("S1-BOND", "FULL")
    b.stat("S1-EX", "FULL")
    b.step(CameBack(PLC, INDUCTION, 1, "MODE"))
    assert b.requests() == ["INHB"]
    b.stat("LINE", "RUN")
    assert b.requests() == ["INHB", "INHB"]


def test_trak_unknown_at_decision_point_gets_a_decision() -> None:
    b = Bench()
    b.step(Connection(TUNNEL, True))
    b.reach()
    b.head()
    b.session(said.TrackOnBelt(9, "S1-DEC", "S1-L01", 3, "S", 0, b.now - 500))
    assert b.dests()
    assert b.dests()[-1][:2] == (4, ("EX",))


def test_trak_without_age_time_label() -> None:
    b = Bench()
    b.session(said.TrackOnBelt(9, "S1-DEC", None, 0, "S", 0, None))
    assert b.events[0].at == b.now


def test_doubtful_in_unsupervised_lane_is_escaped() -> None:
    b = rel()
    ride(b)
    b.answer()
    b.plc(said.Ghost("S1-DEC", 50, 1, 0, None, b.now, b.now))
    b.answer("LATE")
    b.divc(1, "S1-L01", 1)
    assert b.named("parcel/held_escaped")


def test_every_piece_is_recalled() -> None:
    b = rel(pieces=2)
    ride(b)
    b.answer()
    b.after(300)
    ride(b, 2)
    b.answer()
    b.divc(1, "S1-L01")
    b.divc(2, "S1-L01")
    b.customs("hold", 2)
    assert {r.travel for r in b.named("parcel/recall")} == {t.travel for _, t in b.terminals()}


def test_none_with_explicit_hold() -> None:
    b = ready(parcels=(advice(customs="none"),))
    b.customs("hold")
    b.head()
    ride(b)
    assert b.dests()[-1][1] == ("BOND", "EX")


def test_advice_cannot_lift_hold() -> None:
    b = ready(parcels=(advice(),))
    b.customs("hold")
    b.head()
    ride(b)
    b.answer()
    b.advise(advice(customs="none", version=2))
    assert b.dests()[-1][1] == ("BOND", "EX")


def test_newer_same_status_survives_restart() -> None:
    b = rel()
    b.customs("hold", 2)
    b.customs("hold", 4)
    f = Floor(b.config, b.plan, "j")
    kept.restore(f, {k: kept.dump(v) for k, v in b.kept.items()}, same_boot=True)
    f.book.take(record("release", 3, 99), 0.0)
    assert f.book.latched(advice()).status == "hold"


def test_gap_ahead_survives_restart() -> None:
    b = ready(parcels=(advice(),))
    b.feed = 0
    b.step(Told(record("release", 1, 1)))
    b.step(Told(record("hold", 1, 3, ("parcel", "P3"))))
    f = Floor(b.config, b.plan, "j")
    kept.restore(f, {k: kept.dump(v) for k, v in b.kept.items()}, same_boot=True)
    f.book.connected(UTC, 0.0)
    f.book.take(record("hold", 1, 2, ("parcel", "P2")), 0.0)
    f.book.beat(CustomsHead(sequence=3, time_ms=int(UTC + 5)), 0.0)
    assert f.book.fresh(0.0)


def test_delayed_head_is_stale() -> None:
    b = ready(parcels=(advice(),))
    t = b.now
    b.after(3_600_000)
    b.head(0, time=t + 1000)
    assert not b.floor.book.fresh(b.now)


def test_presence_read_is_read() -> None:
    b = ready()
    b.step(Connection(DOCK, True))
    b.read("CP1", reader=DOCK)
    assert b.last("parcel/read").outcome == "READ"


def test_plc_codes_are_reported() -> None:
    b = rel()
    b.indu(1)
    b.after(2000)
    b.arrv(1, codes=(said.Code(b"CP1"),))
    assert [r.code for r in b.named("parcel/read")] == ["CP1"]


def test_plc_codes_bounded() -> None:
    b = rel()
    b.indu(1)
    b.after(2000)
    b.arrv(1)
    for n in range(300):
        b.plc(said.Codes("S1-DEC", 1, "R", (said.Code(f"X{n}".encode()),), b.now))
    assert len(b.travel(1).results) <= 64


def test_codes_of_a_scanner_on_the_plc_are_judged_as_those_of_readers() -> None:
    b = rel()
    b.indu(1)
    b.after(2000)
    b.arrv(1)
    codes = (b"]C0CP1", b"CP1\r\nCP2", b"999999", "CPÄ".encode())
    b.plc(said.Codes("S1-DEC", 1, "R", tuple(map(said.Code, codes)), b.now))
    assert [(result.code, result.symbology) for result in b.travel(1).results] == [("CP1", "]C0"), ("CPÄ", "")]
    assert b.last("alarm/raised").alarm == "programming-code-plc-S1"


def test_speed_of_other_element() -> None:
    b = rel()
    b.indu(1)
    b.plc(said.Speed("S1-IND", 100, 0, b.now, b.now))
    b.after(1200)
    b.read("CP1")
    assert b.travel(1).results


def test_restart_after_short_stop_keeps_positions() -> None:
    b = ready(parcels=(advice("P1"), advice("P2")))
    b.indu(1)
    b.after(500)
    b.indu(2)
    b.after(100)
    b.stat("LINE", "STOP")
    b.after(500)
    b.stat("LINE", "RUN")
    b.after(50)
    state = {k: kept.dump(v) for k, v in b.kept.items()}
    c = Bench()
    c.store = b.store
    c.now = b.now
    c.events = list(b.events)
    c.floor.sequence = len(b.events)
    kept.restore(c.floor, state, same_boot=True)
    c.floor.lines["S1"].epoch = EPOCH
    c.step(Connection(TUNNEL, True))
    c.reach()
    c.head()
    c.session(
        said.TrackOnBelt(1, "S1-IND", None, 0, "S", 0, c.now - 1150),
        said.TrackOnBelt(2, "S1-IND", None, 0, "S", 0, c.now - 650),
    )
    # real: parcel 1 at 650, 2 at 150
    c.after(550)
    c.read("CP1")
    assert [len(c.travel(t).results) for t in (1, 2)] == [1, 0]


def test_lane_full_of_old_epoch_is_free_after_new_epoch() -> None:
    b = rel()
    b.stat("S1-L01", "FULL")
    b.lose_session()
    b.session(epoch=8, new=True)
    ride(b)
    assert b.dests()[-1][1][0] == "L01"


def test_line_stopped_of_old_epoch_runs_after_new_epoch() -> None:
    b = rel()
    b.stat("LINE", "ESTP")
    b.lose_session()
    b.session(epoch=8, new=True)
    b.indu(1)
    b.after(1200)
    b.read("CP1")
    assert b.travel(1).results


def test_garbled_event_is_stored() -> None:
    b = rel()
    n = len(b.events)
    b.plc(said.Garbled(b"000417XXXX", "bad field", b.now, (7, 5), refused=True))
    assert len(b.events) > n


def test_jump_is_an_alarm() -> None:
    b = rel()
    b.plc(said.DeviceError("JUMP", "event 9 after 3", b"", b.now))
    assert b.named("alarm/raised")


def test_late_advice_linking_to_a_hold_recalls() -> None:
    b = rel()
    b.customs("hold", 1, ("air_waybill", "176-1"))
    ride(b)
    b.answer()
    b.divc(1, "S1-L01")
    b.advise(advice(version=2, belongs={"air_waybill": "176-1"}))
    assert b.named("parcel/recall")


def test_hold_after_late_link_recalls() -> None:
    b = rel()
    ride(b)
    b.answer()
    b.divc(1, "S1-L01")
    b.advise(advice(version=2, belongs={"air_waybill": "176-1"}))
    b.customs("hold", 1, ("air_waybill", "176-1"))
    assert b.named("parcel/recall")


def test_second_hold_recalls_again() -> None:
    b = rel()
    ride(b)
    b.answer()
    b.divc(1, "S1-L01")
    for n, s in enumerate(("hold", "release", "hold"), 2):
        b.customs(s, n)
    assert len(b.named("parcel/recall")) == 2


def test_recall_after_reboot_has_no_invented_age() -> None:
    b = rel()
    ride(b)
    b.answer()
    b.divc(1, "S1-L01")
    f = Bench()
    f.store = b.store
    f.now = 1000.0
    kept.restore(f.floor, {k: kept.dump(v) for k, v in b.kept.items()}, same_boot=False)
    f.floor.sequence = 0
    f.feed = b.feed
    f.customs("hold", 2)
    assert f.last("parcel/recall").seconds_since_drop != 0.0


def test_down_while_passing_then_up_is_scanner_down() -> None:
    b = ready(reader=False)
    b.indu(1)
    b.after(1500)
    b.step(Connection(TUNNEL, True))
    b.after(500)
    b.arrv(1)
    assert b.travel(1).identity == "SCANNER_DOWN"


def test_feed_renumbered_is_not_fresh() -> None:
    b = ready(parcels=(advice(),))
    for n in range(1, 6):
        b.customs("hold", 1, ("parcel", f"X{n}"))
    b.head()
    assert b.floor.book.fresh(b.now)
    b.head(2)
    assert not b.floor.book.fresh(b.now)


def test_standing_belt_waits_for_the_reader() -> None:
    b = ready(
        "[scanner.tunnel-1]\n => "
        '[point.S1-T2]\nline = "S1"\nposition_mm = 2300\n'
        '[scanner.tunnel-2]\nkind = "line"\nlink = "tcp://127.0.0.1:2114"\nprefix = "\\u0002"\nsuffix = "\\u0003"\n'
        'point = "S1-T2"\n[scanner.tunnel-1]\n',
        parcels=(advice(customs="none"),),
    )
    b.step(Connection("tunnel-2", True))
    b.indu(1)
    b.after(2000)
    b.arrv(1)
    b.stat("LINE", "STOP")
    b.after(100)
    b.stat("LINE", "RUN")
    b.after(300)
    b.read("CP1", reader="tunnel-2")
    assert [d[1] for d in b.dests()] == [("L01", "L02", "EX")]


@pytest.mark.parametrize(("code", "outcome"), [("CP1", "READ"), (None, "NO_READ")])
def test_ambiguous_resolved_is_not_reported_ambiguous(code: str | None, outcome: str) -> None:
    """Between two, until an eye says that one of them is further than was thought."""
    b = ready('[point.S1-DEC]\n => [point.S1-MID]\nline = "S1"\nposition_mm = 1000\n[point.S1-DEC]\n')
    b.indu(1)
    b.after(100)
    b.indu(2)
    b.after(1150)
    b.read(code)
    assert b.named("parcel/read") == []
    b.plc(said.Passed("S1-MID", 2, b.now - 210, b.now))
    assert [(e.outcome, e.travel) for e in b.named("parcel/read")] == [(outcome, b.travel(2).id)]
    assert [r.outcome for r in b.travel(2).results] == [outcome]


def test_unclaimed_read_is_reported_in_time() -> None:
    b = ready()
    b.read("CX")
    b.after(60_000)
    assert b.named("parcel/read")


def test_capacity_without_free_reports_recovers() -> None:
    b = ready(parcels=tuple(advice(f"P{n}", "BE", customs="none") for n in range(1, 6)))
    for n in range(1, 4):
        ride(b, n, f"CP{n}")
        b.answer()
        b.after(3000)
        b.divc(n, "S1-" + b.dests()[-1][1][0])
        b.after(60000)
    assert [d[1][0] for d in b.dests()] == ["L03", "L03", "L03"]


def test_reread_lets_a_half_read_survive_restart() -> None:
    b = ready(parcels=(advice("P1", customs="none"), advice("P2", customs="none")))
    b.indu(1)
    b.after(1190)
    b.read("CP1")
    state = {k: kept.dump(v) for k, v in b.kept.items()}
    c = Bench()
    c.store = b.store
    c.now = b.now
    kept.restore(c.floor, state, same_boot=True)
    c.floor.lines["S1"].epoch = EPOCH
    c.step(Connection(TUNNEL, True))
    c.after(20)
    c.read("CP2")
    assert {r.code for r in c.travel(1).results} == {"CP1", "CP2"}


def test_live_does_not_grow() -> None:
    b = ready(parcels=(advice("P1"), advice("P2")))
    b.indu(1)
    b.after(1200)
    b.read("CP1")
    b.after(800)
    b.arrv(1)
    b.plc(said.Codes("S1-DEC", 1, "R", (said.Code(b"CP2"),), b.now))
    assert not b.floor.live.get("P1", True) is not True or "P1" not in b.floor.live


def test_reading_lost_reads_bound() -> None:
    b = ready(parcels=(advice("P1", customs="none"), advice("P2", customs="none")))
    b.indu(1)
    b.after(1180)
    b.read("CP2")
    for _ in range(70):
        b.after(0.1)
    b.read("CP1")
    b.after(793)
    b.arrv(1)
    assert b.travel(1).parcel is None  # CONFLICT


def test_gap_holds_at_once() -> None:
    b = rel()
    b.feed = 2
    b.customs("hold", 1, ("parcel", "P9"))  # feed 2 (a hold of P1) is missing
    ride(b)  # decides within...
    b2 = rel()
    b2.indu(1)
    b2.after(1200)
    b2.read("CP1")
    b2.after(700)
    b2.feed = 2
    b2.customs("hold", 1, ("parcel", "P9"))
    b2.after(100)
    b2.arrv(1)
    assert b2.dests()[0][1] == ("BOND", "EX")


def test_weight_after_decision() -> None:
    b = rel(country="NL")
    ride(b)
    b.answer()
    b.plc(said.Measured("S1-DEC", 1, 9000, "A", None, 0, 0, 0, "E", b.now))
    assert b.dests()[-1][1] == ("L02", "EX")


def test_half_distance_same_side() -> None:

    assert match(1200, 80, [("A", 1130, 0.0), ("B", 1080, 0.0)]).travel is None


def test_a_lane_that_is_gone_after_a_restart_stops_nothing() -> None:
    """The floor file lost a lane while a travel was on its way to it: it is decided anew and ends as ever."""
    b = rel()
    ride(b)
    b.answer()
    state = {key: kept.dump(value) for key, value in b.kept.items()}
    c = Bench()
    c.store, c.now = b.store, b.now
    kept.restore(c.floor, {key: body.replace(b"S1-L01", b"S1-GONE") for key, body in state.items()}, same_boot=True)
    c.floor.sequence = 0
    c.reach()
    c.feed = b.feed
    c.head()
    c.session(said.TrackOnBelt(1, "S1-DEC", None, 0, "S", 0, c.now - 10))
    assert c.dests()[-1][:2] == (2, ("L01", "L02", "EX"))
    c.answer()
    c.divc(1, "S1-L01", 2)
    assert [name for name, _ in c.terminals()] == ["parcel/sorted"]
