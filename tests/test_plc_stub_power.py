"""What survives a power cycle with a full belt, and the small profile. PLC interface v1 §2, rules 5, 6, 9."""

from __future__ import annotations

import pytest

from firmware_stubs.plcs.telegram import Plc, Settings
from tests.plc_bench import LINE, kinds, new, session
from tests.scripted_hub import Hub, Said, build, pad, split

ITEMS = 6  # one every 400 mm, from the induction to behind the decision point
GAP_MS = 400.0
NOW = 2200.0


def full_belt(**settings: object) -> tuple[Plc, Hub, list[int]]:
    """The six at 2200 ms; the first has a destination, the last two were never told; evt 5 is durable."""
    plc, hub = session(LINE, **settings)
    edges = [(number * GAP_MS, "IND") for number in range(ITEMS)]
    edges += [(number * GAP_MS + 500, "EYE") for number in range(ITEMS)]
    edges += [(number * GAP_MS + 1000, "DEC") for number in range(ITEMS)]
    for at, point in sorted(edges):
        if at > NOW:
            continue
        plc.edge(point, 300, at)
        hub.durable = 5 if at >= 1000 else 0
        if at < 1600:
            hub.listen(at)
        if (at, point) == (1000.0, "DEC"):
            assert hub.dest(1, 7, ["L01"], 1000.0) == "A"
    plc.tick(NOW)
    return plc, hub, [*plc.tracking.items]


def tracks(said: list[Said]) -> list[int]:
    (trak,) = [one for one in said if one.kind == "TRAK"]
    return [int(trak.body[2 + at * 42 : 8 + at * 42]) for at in range(int(trak.body[:2]))]


def events(said: list[Said]) -> list[int]:
    return [one.evt for one in said if one.kind in ("INDU", "PASS", "ARRV", "DIVC", "LOST", "GHST", "STAT")]


def test_a_retentive_plc_goes_on_where_it_was() -> None:
    plc, hub, on_belt = full_belt(epoch=26)
    assert on_belt == [1, 2, 3, 4, 5, 6]
    before = [event.evt for queue in (plc.buffer.taken, plc.buffer.waiting) for event in queue]
    assert before[0] == 6  # forgotten up to the durable one, and not further
    (open_request,) = split(plc.take())
    plc.power_cycle(NOW)
    assert (plc.in_session, plc.take()) == (False, b"")
    said = hub.start(2300.0, 26, 5)
    assert {one.epoch for one in said} == {26}
    assert said[0].sequence > open_request.sequence
    assert [one.sequence for one in said] == list(range(said[0].sequence, said[0].sequence + len(said)))
    assert tracks(said) == [1, 2, 3, 4, 5]  # of the sixth no event was sent yet
    (trak,) = [one for one in said if one.kind == "TRAK"]
    assert trak.body[2:].startswith(f"000001{pad('DEC')}{pad('L01')}0007S00")
    assert events(said) == before
    assert plc.edge("IND", 300, 2400.0) == 7
    assert [one.evt for one in hub.listen(2400.0)] == [before[-1] + 1]
    # Destinations are obeyed, and every item ends once with a number that was never used before.
    for at in range(2400, 20_000, 50):
        for gate in plc.gates(float(at)):
            plc.lane_eye(gate.lane, float(at))
    ends = [one for one in hub.start(20_000.0, 26, before[-1] + 1) if one.kind in ("DIVC", "LOST")]
    assert sorted(int(one.body[6:12]) for one in ends) == [1, 2, 3, 4, 5, 6, 7]
    assert next(one for one in ends if one.body[6:12] == "000001").body[12:28] == f"0007{pad('L01')}"


def test_after_a_retentive_power_cycle_a_repeated_syes_begins_a_session_and_old_answers_are_void() -> None:
    plc, hub, _ = full_belt()
    (asked,) = split(plc.take())
    plc.power_cycle(NOW)
    hub.answer(asked, 2210.0)
    assert plc.counts["unmatched"] == 1
    hub.sequence -= 1  # of the request before, which was taken
    assert kinds(hub.start(2220.0))[0] == "SYBE"


def test_a_forgetful_plc_starts_an_epoch_and_finds_every_item_as_a_ghost() -> None:
    plc, hub, _ = full_belt(epoch=0xFFFF)
    plc.take()
    plc.power_cycle(NOW, retentive=False)
    assert plc.epoch == 1
    said = hub.start(2300.0, 0xFFFF, 5)
    assert kinds(said) == ["SYBE", "SPED", "SYEN"]  # it knows of nothing that it lost
    assert [one.sequence for one in said] == [1, 2, 3]
    assert hub.dest(1, 8, ["L02"], 2310.0) == "UNKT"
    told: list[Said] = []
    for at, point in ((2500.0, "EYE"), (2600.0, "DEC"), (3000.0, "DEC")):  # the sixth, the fifth, the sixth
        plc.edge(point, 300, at)
        told += hub.listen(at)
    ghosts = [one for one in told if one.kind == "GHST"]
    assert [int(one.body[18:24]) for one in ghosts] == [1, 2]  # the others are past their last eye
    assert events(told) == list(range(1, len(told) + 1))
    arrivals = [one for one in told if one.kind == "ARRV"]
    assert [(one.body[18:24], one.body[-2]) for one in arrivals] == [("000002", "U"), ("000001", "U")]
    assert hub.dest(1, 1, ["L02"], 3010.0) == "A"


@pytest.mark.parametrize("retentive", [True, False])
def test_the_highest_term_outlives_every_power_cycle(retentive: bool) -> None:
    plc, _, _ = full_belt()
    assert Hub(plc, epoch=4, term=9).syes(2200.0).flag == "A"
    plc.power_cycle(2210.0, retentive)
    plc.power_cycle(2220.0, not retentive)
    assert Hub(plc, epoch=5, term=8).syes(2230.0).body == "OLDC"
    assert not plc.in_session
    assert Hub(plc, epoch=5, term=9).syes(2240.0).flag == "A"


# The small profile


def small(**settings: object) -> tuple[Plc, Hub]:
    return session(LINE, profile="small", **settings)


def test_the_small_profile_has_no_codes_and_no_lap() -> None:
    plc, hub = small()
    track = plc.edge("IND", 300, 0.0)
    plc.edge("DEC", 300, 1000.0, codes=[b"RB123456785GB", b"X" * 500])
    plc.tracking.items[track].lap = 3
    said = hub.listen(1000.0)
    assert kinds(said) == ["INDU", "ARRV"]
    assert said[1].body[-4:] == "00S0"
    assert tracks(hub.start(1010.0)) == [track]
    (trak,) = [one for one in hub.start(1020.0) if one.kind == "TRAK"]
    assert trak.body[-8:] == "S0000020"
    plc.tick(6010.0)
    plc.lane_eye("EX", 6300.0)
    (divc,) = [one for one in hub.start(6310.0) if one.kind == "DIVC"]
    assert divc.body[-7:-5] == "00"


def test_the_small_profile_only_answers_cmnd_and_time_and_knows_no_lamp() -> None:
    plc, hub = small()
    assert hub.ask("CMND", pad("LINE") + "STOP" + "00000001", 10.0).flag == "A"
    assert hub.ask("CMND", pad("NOWHERE") + "WHAT" + "00000002", 11.0).flag == "A"
    assert hub.ask("TIME", "1795412345678", 12.0).flag == "A"
    assert hub.ask("TIME", "179541234567", 13.0).body == "FORM"
    assert hub.ask("LAMP", pad("L01") + "RS" + "HELLO...", 14.0).body == "FORM"
    assert not plc.stop_wanted
    assert not plc.lamps
    hub.syes(20.0)
    assert hub.ask("CMND", pad("LINE") + "STOP" + "00000003", 21.0).body == "NSYN"


def test_the_small_ring_of_64_survives_a_power_cycle_and_overflows_by_the_rules() -> None:
    plc, hub = small()
    for number in range(70):
        plc.edge("IND", 10, number * 20.0)
    plc.power_cycle(1400.0)
    said = hub.start(1500.0)
    assert events(said) == list(range(7, 71))
    plc.feed(build("LIFE", "R", hub.epoch, hub.sequence, "000070"), 1510.0)
    hub.sequence += 1
    assert "OVFL" in kinds(hub.start(1520.0, 1, 70))


def test_with_durable_answers_the_small_ring_holds_one_event() -> None:
    """`ack = "durable"`: the controller's A comes when its event is on the disk, and says so."""
    plc, hub = small()
    for at in range(0, 5000, 100):
        plc.edge("IND", 10, float(at))
        (indu,) = split(plc.take())
        assert len(plc.buffer) == 1
        hub.durable = indu.evt
        hub.answer(indu, at + 10.0)
        assert len(plc.buffer) == 0


@pytest.mark.parametrize(
    ("change", "message"), [({"profile": "tiny"}, "profile = 'tiny'"), ({"retentive": False}, "retentive = false")]
)
def test_impossible_profiles_are_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        new(LINE, **{"profile": "small"} | change)
    assert Settings(plc="A", controller="B", profile="small").buffer == 64
