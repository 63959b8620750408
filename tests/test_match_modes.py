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
