"""What makes a doubtful parcel sure again: only what was surely read of it after the fault. Who is doubtful: see
test_rules_doubt_reach.py."""

from __future__ import annotations

from controller import kept
from controller.floor import Connection
from devices import types as said
from tests.floor_fixture import EPOCH, TUNNEL, Bench, advice, ready, ride


def rel(*changes: str) -> Bench:
    """A parcel that has its release."""
    bench = ready(*changes, parcels=(advice(),))
    bench.customs("release")
    bench.head()
    return bench


def test_a_code_of_before_the_fault_that_comes_late_is_no_read_after_it() -> None:
    """The PLC tells the code of item 1 after the ghost right behind it: it was read before."""
    bench = rel()
    bench.indu(1)
    bench.after(2000).arrv(1)
    bench.after(100)
    bench.plc(said.Ghost("S1-DEC", 9, 1, 0, None, bench.now, bench.now))
    bench.after(50)
    bench.plc(said.Codes("S1-DEC", 1, "R", (said.Code(b"CP1"),), bench.now))
    assert bench.travel(1).doubtful
    assert bench.dests()[-1][1:] == (("BOND", "EX"), "DOUB")


def test_a_read_that_may_be_the_one_of_the_item_ahead_is_suspect_after_a_doubt_too() -> None:
    bench = rel()
    bench.indu(1)
    bench.after(350).indu(2)
    bench.after(400).stat("LINE", "ESTP")
    bench.stat("LINE", "RUN")
    bench.after(800).read("CP1")  # item 2 is at the reader, of item 1 nothing was heard
    bench.after(800).arrv(2)
    assert bench.travel(2).suspect
    assert bench.dests()[-1][1:] == (("EX",), "AMBI")


def test_a_read_after_a_doubt_takes_the_suspicion_of_before_away() -> None:
    bench = rel(
        "[scanner.tunnel-1]\n => "
        '[point.S1-T2]\nline = "S1"\nposition_mm = 1900\n'
        '[scanner.tunnel-2]\nkind = "line"\nlink = "tcp://127.0.0.1:2114"\nprefix = "\\u0002"\nsuffix = "\\u0003"\n'
        'point = "S1-T2"\n[scanner.tunnel-1]\n'
    )
    bench.step(Connection("tunnel-2", True))
    bench.indu(1)
    bench.after(350).indu(2)
    bench.after(1200).read("CP9")
    assert bench.travel(2).suspect
    bench.stat("LINE", "ESTP")
    bench.stat("LINE", "RUN")
    bench.after(350).read(None, reader="tunnel-2")
    bench.after(350).read("CP1", reader="tunnel-2")
    assert not bench.travel(2).suspect
    assert [result.code for result in bench.travel(2).results] == ["CP1"]


def test_after_a_reboot_what_was_read_before_it_lifts_no_doubt() -> None:
    """Moments of the boot before are great numbers; a doubt cast now is older than none of them."""
    bench = rel()
    ride(bench)
    bench.answer()
    state = {key: kept.dump(value) for key, value in bench.kept.items()}
    again = Bench()
    again.store, again.now, again.feed = bench.store, 5000.0, bench.feed
    kept.restore(again.floor, state, same_boot=False)
    again.floor.lines["S1"].epoch = EPOCH
    again.step(Connection(TUNNEL, True))
    again.reach()
    again.head()
    again.session(said.TrackOnBelt(1, "S1-DEC", "S1-L01", 1, "S", 0, None))
    again.stat("LINE", "ESTP")
    again.stat("LINE", "RUN")
    again.after(100).arrv(1)
    again.plc(said.Codes("S1-DEC", 1, "N", (), again.now))
    assert again.travel(1).doubtful
    assert again.dests()[-1][1:] == (("BOND", "EX"), "DOUB")
