"""Reads that name their item, or say where the belt was: `index` and `encoder`."""

from __future__ import annotations

from devices import types as said
from tests.floor_fixture import advice, ready


def test_index_finds_the_item_wherever_it_is() -> None:
    bench = ready(
        'late_mm = 400 => late_mm = 400\nmatch = "index"\nindex_digits = 4', parcels=(advice(customs="none"),)
    )
    bench.item(said.Read("CP1", b"CP1", bench.now, index=1))  # before its arrival message
    bench.indu(1)
    bench.indu(2)
    assert [result.code for result in bench.travel().results] == ["CP1"]
    assert bench.travel(2).results == []


def test_an_encoder_makes_a_late_message_right() -> None:
    changes = (
        'late_mm = 400 => late_mm = 400\nmatch = "encoder"\nencoder_digits = 6',
        "durable_first = false => encoder_um = 1000",
    )
    bench = ready(*changes, parcels=(advice("P1"), advice("P2")))
    bench.indu(1)
    bench.after(600).indu(2)
    bench.after(600).item(said.Read("CP1", b"CP1", bench.now, encoder=1200))
    # Half a second late: by time it would be the follower's.
    bench.after(1100).item(said.Read("CP2", b"CP2", bench.now, encoder=1800))
    assert [result.code for result in bench.travel(1).results] == ["CP1"]
    assert [result.code for result in bench.travel(2).results] == ["CP2"]


COUNTS = (
    'late_mm = 400 => late_mm = 400\nmatch = "encoder"\nencoder_digits = 6',
    "durable_first = false => encoder_um = 1000",
)


def test_counts_are_tied_anew_after_a_time_without_the_plc() -> None:
    """The belt stood, and the odometer went on: what tied them before is 400 mm wrong."""
    bench = ready(*COUNTS, parcels=(advice("P1"), advice("P2"), advice("P3")))
    bench.indu(1)
    bench.after(1200).item(said.Read("CP1", b"CP1", bench.now, encoder=1200))
    bench.lose_session()
    bench.after(400)
    bench.session(said.TrackOnBelt(1, "S1-IND", None, 0, "S", 0, None))
    bench.indu(2)
    bench.after(400).indu(3)
    bench.after(800).item(said.Read("CP2", b"CP2", bench.now, encoder=2400))
    assert [result.code for result in bench.travel(2).results] == ["CP2"]
    assert bench.travel(3).results == []


def test_counts_are_not_led_astray_by_a_speed_that_is_a_little_wrong() -> None:
    """A belt 1.5 % slower than it says: in 40 m counts and odometer part by 600 mm."""
    names = [f"P{number}" for number in range(1, 80)]
    bench = ready(*COUNTS, parcels=tuple(advice(name) for name in names))
    count = 0.0
    for track in range(1, len(names) + 1):
        count += 591
        bench.indu(track)
        bench.after(600)
        if track > 1:
            before = f"C{names[track - 2]}"
            bench.item(said.Read(before, before.encode(), bench.now, encoder=round(count)))
    read = {track: [result.code for result in bench.travel(track).results] for track in range(1, 78)}
    assert read == {track: [f"CP{track}"] for track in range(1, 78)}


def test_a_number_of_the_plcs_old_memory_names_nobody_in_its_new_one() -> None:
    """Read while the PLC was away: nobody knew item 5 yet. The PLC comes back and counts from 1 again."""
    bench = ready(
        'late_mm = 400 => late_mm = 400\nmatch = "index"\nindex_digits = 4', parcels=(advice(customs="none"),)
    )
    bench.lose_session()
    bench.item(said.Read("CP1", b"CP1", bench.now, index=5))
    bench.session(epoch=8, new=True)
    bench.indu(5)
    assert bench.travel(5).results == []
    assert [(read.code, read.outcome) for read in bench.named("parcel/read")] == [("CP1", "UNCLAIMED")]
