"""`keyence_sr`: free text beside answers, a light that must not stay on, several readers on one port."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.config import ConfigErrors, load
from devices.codes import CONTROL
from devices.commands import EXPIRED, GONE, SILENT, UNANSWERED
from devices.framing import BETWEEN, RESTART, UNFINISHED
from devices.framing import SILENT as SILENCE
from devices.scanners import keyence_sr
from devices.scanners._keyence import ERRORS, NO_ANSWER, SIZE
from devices.scanners._keyence_light import AGAIN_MS, ANSWERS, DARK
from devices.scanners._proof import LENGTH
from devices.scanners.keyence_sr import ENDED, LATE, STRANGER
from devices.types import Answered, Condition, DeviceError, GivenUp, Item, Kept, Read, Reply, SetTime, Trigger
from tests.floor_fixture import write
from tests.test_node import Daemon
from tests.test_scanners import S10, heard, said

LON, LOFF = bytes.fromhex("4C4F4E 0D"), bytes.fromhex("4C4F4646 0D")
OK_LON, OK_LOFF = bytes.fromhex("4F4B2C4C4F4E 0D"), bytes.fromhex("4F4B2C4C4F4646 0D")
ERROR = bytes.fromhex("4552524F52 0D")
REFUSED = bytes.fromhex("45522C4C4F4E2C3230 0D")
DATA = bytes.fromhex("52423132333435363738354742 0D")


def reader(**settings: Any) -> keyence_sr.Driver:
    return keyence_sr.Driver(keyence_sr.Settings(**({"check": "s10"} | settings)))


def free(**settings: Any) -> keyence_sr.Driver:
    """STX and ETX: any text can be a code."""
    return reader(framing="stx", check="", **settings)


def ready(driver: keyence_sr.Driver, now: float = 0.0) -> keyence_sr.Driver:
    """Opened, and its first LOFF answered."""
    driver.opened(now, Kept())
    off = driver.take().removeprefix(b"\x1b")
    if driver.settings.replies:
        driver.feed(off.replace(b"LOFF", b"OK,LOFF" if not driver.address else b"OK"), now)
    else:
        driver.tick(now + driver.settings.pause_ms)
    return driver


def lit(driver: keyence_sr.Driver, expires: float | None = None, at: float = 10.0) -> keyence_sr.Driver:
    """Reading: LON is answered."""
    ready(driver)
    driver.send(Trigger(True), at, expires)
    on = driver.take()
    driver.feed(on.replace(b"LON", b"OK,LON" if not driver.address else b"OK"), at)
    return driver


def until(driver: keyence_sr.Driver, end: float) -> tuple[list[Item], list[bytes]]:
    """Let time pass: what it says and what it writes."""
    items: list[Item] = []
    frames: list[bytes] = []
    for _ in range(200):
        frames += filter(None, [driver.take()])
        due = driver.next_at()
        if due is None or due > end:
            return items, frames
        items += driver.tick(due)
    raise AssertionError("it never rests")


# --- commands and their answers ---------------------------------------------------------------------------------------


def test_esc_flushes_the_reader_before_the_first_command_of_a_channel() -> None:
    driver = reader()
    driver.opened(0.0, Kept())
    assert driver.take() == b"\x1b" + LOFF
    driver.feed(OK_LOFF, 1.0)
    driver.send(Trigger(True), 2.0, None)
    assert driver.take() == LON
    driver.closed(3.0)
    driver.opened(4000.0, Kept())
    assert driver.take() == b"\x1b" + LOFF


def test_trigger_on_and_off() -> None:
    driver = ready(reader())
    assert driver.send(Trigger(True), 10.0, None) == 2
    assert driver.send(Trigger(False), 10.0, None) == 3
    assert driver.take() == LON
    assert driver.take() == b""
    assert driver.feed(OK_LON, 11.0) == [Reply("LON", "OK", OK_LON[:-1], 11.0), Answered(2, None, 11.0)]
    assert driver.take() == LOFF
    assert driver.feed(OK_LOFF + ERROR, 12.0)[1] == Answered(3, None, 12.0)
    assert driver.next_at() is None


def test_the_reply_uses_the_framing_of_the_command() -> None:
    driver = free()
    driver.opened(0.0, Kept())
    assert driver.take() == b"\x1b\x02LOFF\x03"
    driver.feed(b"\x02OK,LOFF\x03", 1.0)
    driver.send(Trigger(True), 2.0, None)
    assert driver.take() == bytes.fromhex("024C4F4E03")
    assert driver.feed(bytes.fromhex("024F4B2C4C4F4E03"), 3.0)[1] == Answered(2, None, 3.0)


def test_a_repeated_lon_while_reading_is_refused_in_words() -> None:
    driver = lit(reader())
    driver.send(Trigger(True), 20.0, None)
    driver.take()
    assert driver.feed(REFUSED, 21.0) == [
        DeviceError("20", "cannot be done now", REFUSED[:-1], 21.0),
        Answered(3, "20", 21.0),
    ]


@pytest.mark.parametrize("code", [code for code in ERRORS if code.isdigit()] + ["77"])
def test_error_codes_in_words(code: str) -> None:
    driver = ready(reader())
    driver.send(Trigger(True), 10.0, None)
    driver.take()
    [error, answered] = driver.feed(f"ER,LON,{code}\r".encode(), 11.0)
    assert isinstance(error, DeviceError)
    assert error.why == ERRORS.get(code, "an error without a known meaning")
    assert answered == Answered(2, code, 11.0)


@pytest.mark.parametrize("text", [b"OK,LOFF", b"ER,LON", b"OK,LON,20", b"ER,LON,2", b"ER,LON,222", b"ok,LON", b"OK,"])
def test_what_looks_like_the_answer_and_is_not(text: bytes) -> None:
    driver = free()
    ready(driver)
    driver.send(Trigger(True), 10.0, None)
    driver.take()
    assert said(driver.feed(b"\x02" + text + b"\x03", 11.0)) == [("read", text.decode())]


def test_trap_a_barcode_may_legally_read_ok_lon() -> None:
    driver = ready(free())
    assert said(driver.feed(b"\x02OK,LON\x03", 5.0)) == [("read", "OK,LON")]
    driver.send(Trigger(True), 10.0, None)
    assert said(driver.feed(b"\x02OK,LON\x03", 11.0)) == [("read", "OK,LON")], "it is not even written yet"
    driver.take()
    assert driver.feed(b"\x02OK,LON\x03", 12.0)[1] == Answered(2, None, 12.0)
    assert said(driver.feed(b"\x02OK,LON\x03", 13.0)) == [("read", "OK,LON")]
    assert heard(ready(reader()), OK_LON) == [("garbled", "fails the check s10")]


def test_trap_a_barcode_may_legally_read_error() -> None:
    assert heard(free(), b"\x02ERROR\x03\x02ERROR \x03\x02error\x03") == [
        *(("no_read", ""), ("read", "ERROR "), ("read", "error")),
    ]
    assert heard(free(no_read=("NIL",)), b"\x02ERROR\x03\x02NIL\x03") == [("read", "ERROR"), ("no_read", "")]


def test_over_says_that_codes_are_lost() -> None:
    assert heard(free(), b"\x02OVER\x03") == [("error", "the buffer has overflowed, codes are lost")]
    assert heard(free(overflow=""), b"\x02OVER\x03") == [("read", "OVER")]


def test_late_frame_an_answer_after_the_time_out_belongs_to_nobody() -> None:
    driver = ready(free())
    driver.send(Trigger(True), 10.0, None)
    driver.send(Trigger(False), 10.0, None)
    driver.take()
    assert driver.tick(1010.0) == [GivenUp(2, SILENT, 1010.0)]
    assert driver.feed(b"\x02OK,LON\x03", 1500.0) == []
    assert driver.counters.noted == {LATE: 1}
    driver.tick(2010.0)
    assert driver.take() == b"\x02LOFF\x03"
    assert said(driver.feed(b"\x02OK,LON\x03", 2011.0)) == [("read", "OK,LON")], "one so late is content"


def test_sr_600_compatible_nothing_is_an_answer_and_commands_are_given_up() -> None:
    driver = ready(free(replies=False))
    driver.send(Trigger(True), 200.0, None)
    assert driver.take() == b"\x02LON\x03"
    assert said(driver.feed(b"\x02OK,LON\x03", 210.0)) == [("read", "OK,LON")]
    assert driver.tick(300.0) == [GivenUp(2, UNANSWERED, 300.0, sent=True)]
    assert until(driver, 60e3) == ([], [b"\x02LOFF\x03"])


def test_names_of_the_timing_commands_are_settings() -> None:
    driver = reader(on_command="LON01", off_command="STOP")
    driver.opened(0.0, Kept())
    assert driver.take() == b"\x1bSTOP\r"
    driver.feed(b"OK,STOP\r", 1.0)
    driver.send(Trigger(True), 2.0, None)
    assert driver.take() == b"LON01\r"
    assert driver.feed(b"OK,LON01\r", 3.0)[1] == Answered(2, None, 3.0)


def test_it_takes_nothing_but_triggers() -> None:
    with pytest.raises(TypeError, match="keyence_sr takes no SetTime, only Trigger"):
        reader().send(SetTime(1), 0.0, None)


# --- the light --------------------------------------------------------------------------------------------------------


def test_a_light_whose_loff_never_comes_is_switched_off_after_on_ms() -> None:
    driver = lit(reader())
    assert driver.next_at() == 5010.0
    assert driver.tick(5010.0) == []
    assert driver.take() == LOFF
    assert said(driver.feed(OK_LOFF, 5011.0)) == [("reply", "OK")]
    assert driver.next_at() is None


def test_a_light_is_switched_off_when_its_trigger_expires() -> None:
    driver = lit(reader(), expires=700.0)
    assert driver.next_at() == 700.0
    driver.tick(700.0)
    assert driver.take() == LOFF


def test_a_loff_of_the_caller_is_the_only_one() -> None:
    driver = lit(reader())
    driver.send(Trigger(False), 100.0, None)
    driver.take()
    driver.feed(OK_LOFF, 101.0)
    assert until(driver, 60e3) == ([], [])


def test_a_loff_of_the_caller_that_expires_is_sent_all_the_same() -> None:
    driver = lit(reader())
    driver.send(Trigger(True), 100.0, None)
    driver.take()
    driver.send(Trigger(False), 100.0, 200.0)
    assert driver.tick(200.0) == [GivenUp(4, EXPIRED, 200.0)]
    driver.feed(REFUSED, 201.0)
    driver.tick(201.0)
    assert driver.take() == LOFF


def test_a_loff_before_the_last_lon_is_not_its_end() -> None:
    driver = free(replies=False)
    driver.opened(0.0, Kept())
    for on in (True, False, True):
        driver.send(Trigger(on), 1.0, None)
    driver.send(Trigger(False), 1.0, 2.0)
    _, frames = until(driver, 60e3)
    lon, loff = b"\x02LON\x03", b"\x02LOFF\x03"
    assert frames == [b"\x1b" + loff, lon, loff, lon, loff]


def test_a_loff_without_an_answer_is_repeated_and_then_said_once() -> None:
    driver = reader()
    driver.opened(0.0, Kept())
    items, frames = until(driver, 60e3)
    assert items == [Condition(False, DARK, b"", 5000.0, "light")]
    assert frames == [b"\x1b" + LOFF, LOFF, LOFF, LOFF]
    driver.tick(5000.0 + 2 * AGAIN_MS + 2000.0)
    driver.take()
    assert driver.feed(OK_LOFF, 70e3)[-1] == Condition(True, ANSWERS, b"", 70e3, "light")


def test_a_repeated_loff_does_not_end_the_gate_that_came_after_it() -> None:
    driver = reader()
    driver.opened(0.0, Kept())
    driver.take()
    driver.send(Trigger(True), 900.0, None)
    driver.tick(1000.0)
    driver.tick(2000.0)
    assert driver.take() == LON
    driver.feed(OK_LON, 2001.0)
    assert driver.next_at() == 5900.0


def test_a_light_left_on_by_a_channel_that_broke_is_switched_off_at_the_next_opening() -> None:
    driver = lit(reader())
    assert driver.closed(20.0) == []
    assert driver.next_at() is None
    driver.opened(3000.0, Kept())
    assert driver.take() == b"\x1b" + LOFF


@pytest.mark.parametrize("code", ["20", "00", "99"])
@pytest.mark.parametrize("ends", [DATA, ERROR])
def test_trap_a_late_er_loff_after_a_good_read_in_single_mode_is_no_error_of_anybody(ends: bytes, code: str) -> None:
    answer = f"ER,LOFF,{code}\r".encode()
    driver = lit(reader())
    driver.feed(ends, 50.0)
    driver.send(Trigger(False), 60.0, None)
    driver.take()
    assert driver.feed(answer, 61.0) == [Reply("LOFF", code, answer[:-1], 61.0), Answered(3, None, 61.0)]
    assert driver.counters.noted == {ENDED: 1}


def test_that_refusal_is_understood_when_the_next_gate_is_open_already() -> None:
    driver = lit(reader())
    driver.feed(DATA, 50.0)
    driver.send(Trigger(False), 60.0, None)
    driver.send(Trigger(True), 60.0, None)
    driver.take()
    assert driver.feed(b"ER,LOFF,20\r", 61.0)[1] == Answered(3, None, 61.0)
    driver.take()
    driver.feed(OK_LON, 62.0)
    driver.send(Trigger(False), 63.0, None)
    driver.take()
    assert driver.feed(b"ER,LOFF,20\r", 64.0)[1] == Answered(5, "20", 64.0)


def test_a_loff_refused_without_a_read_is_an_error() -> None:
    driver = lit(reader())
    driver.send(Trigger(False), 60.0, None)
    driver.take()
    assert said(driver.feed(b"ER,LOFF,20\r", 61.0))[0] == ("error", "cannot be done now")


@pytest.mark.parametrize(("code", "item"), [("20", "reply"), ("00", "error"), ("23", "error")])
def test_our_own_loff_at_the_opening_may_be_refused_because_nothing_is_read(code: str, item: str) -> None:
    driver = reader()
    driver.opened(0.0, Kept())
    driver.take()
    assert [kind for kind, _ in said(driver.feed(f"ER,LOFF,{code}\r".encode(), 1.0))] == [item]
    assert driver.next_at() is None


def test_data_after_loff_and_data_at_once_are_the_same_read() -> None:
    assert said(lit(reader()).feed(DATA, 20.0)) == [("read", S10)]
    driver = lit(reader())
    driver.send(Trigger(False), 60.0, None)
    driver.take()
    assert [
        kind for kind, _ in said([i for i in driver.feed(OK_LOFF + DATA, 61.0) if not isinstance(i, Answered)])
    ] == [
        *("reply", "read"),
    ]


# --- several readers --------------------------------------------------------------------------------------------------


class Port:
    """Drivers on one port: each hears all, what they give is written one after the other."""

    def __init__(self, *addresses: int, **settings: Any) -> None:
        self.drivers = [reader(address=address, check="", **settings) for address in addresses]
        keyence_sr.join(self.drivers)
        for driver in self.drivers:
            driver.opened(0.0, Kept())

    def take(self) -> bytes:
        return b"".join(driver.take() for driver in self.drivers)

    def feed(self, data: bytes, at: float) -> list[list[Item]]:
        return [list(driver.feed(data, at)) for driver in self.drivers]

    def tick(self, now: float) -> list[list[Item]]:
        return [list(driver.tick(now)) for driver in self.drivers]

    def ready(self) -> Port:
        for driver in self.drivers:
            assert self.take().removeprefix(b"\x1b") == b"%%T%02d-LOFF\r" % driver.address
            self.feed(b"%%T%02d-OK\r" % driver.address, 1.0)
        return self


def kinds(items: Sequence[Sequence[Item]]) -> list[list[tuple[str, str]]]:
    return [said(each) for each in items]


def test_multidrop_lon_of_reader_3() -> None:
    port = Port(3).ready()
    port.drivers[0].send(Trigger(True), 10.0, None)
    assert port.take() == bytes.fromhex("255430332D4C4F4E0D")
    assert port.feed(b"%T03-OK\r", 11.0) == [[Reply("%T03", "OK", b"%T03-OK", 11.0), Answered(2, None, 11.0)]]


def test_a_bus_takes_turns_and_each_hears_what_is_its_own() -> None:
    port = Port(3, 4).ready()
    port.drivers[0].send(Trigger(True), 10.0, None)
    port.drivers[1].send(Trigger(True), 10.0, None)
    assert port.take() == b"%T03-LON\r"
    assert port.take() == b""
    assert port.feed(b"%P04-0002AB\r%T04-OK\r", 11.0) == [
        [],
        [Read("AB", b"%P04-0002AB", 11.0), Reply("%T04", "OK", b"%T04-OK", 11.0)],
    ]
    assert port.take() == b""
    assert kinds([[item for item in items if isinstance(item, Reply)] for items in port.feed(b"%T03-OK\r", 12.0)]) == [
        *([("reply", "OK")], []),
    ]
    assert port.take() == b"%T04-LON\r"


def test_esc_stands_before_the_first_command_of_the_port_only() -> None:
    port = Port(3, 4)
    assert port.take() == b"\x1b%T03-LOFF\r"
    port.feed(b"%T03-OK\r", 1.0)
    assert port.take() == b"%T04-LOFF\r"


@pytest.mark.parametrize(
    ("answer", "refusal", "why"),
    [
        (b"NC", "NC", "no reader with this number is connected"),
        (b"NG", "NG", "the reader is reading and takes no command"),
        (b"ERR95", "95", "not in multi-head mode"),
        (b"ERR20", "20", "cannot be done now"),
    ],
)
def test_what_an_n_410_refuses(answer: bytes, refusal: str, why: str) -> None:
    port = Port(3, 4).ready()
    port.drivers[1].send(Trigger(True), 10.0, None)
    port.take()
    [mine, others] = port.feed(b"%T04-" + answer + b"\r", 11.0)[::-1]
    assert mine == [DeviceError(refusal, why, b"%T04-" + answer, 11.0), Answered(5 - 2, refusal, 11.0)]
    assert others == []


def test_a_reader_that_does_not_answer_lets_the_others_have_their_turn() -> None:
    port = Port(3, 4).ready()
    port.drivers[0].send(Trigger(True), 10.0, None)
    port.drivers[1].send(Trigger(True), 10.0, None)
    port.take()
    assert port.drivers[1].tick(1010.0) == []
    assert port.drivers[0].next_at() == 0.0
    assert port.drivers[0].tick(1010.0) == [GivenUp(3, SILENT, 1010.0)]
    port.tick(2010.0)
    assert port.take() == b"%T04-LON\r"


def test_the_end_of_the_port_gives_up_each_ones_own() -> None:
    port = Port(3, 4).ready()
    numbers = [driver.send(Trigger(True), 10.0, None) for driver in port.drivers]
    assert [driver.closed(11.0) for driver in port.drivers] == [[GivenUp(number, GONE, 11.0)] for number in numbers]


def test_every_one_of_31_readers_is_switched_off_at_the_opening() -> None:
    Port(*range(1, 32)).ready()


def test_the_size_is_the_proof_through_an_n_410() -> None:
    port = Port(3)
    wire = b"%P03-0013RB123456785GB\r"
    assert kinds(port.feed(wire, 5.0)) == [[("read", S10)]]
    assert kinds(port.feed(wire.replace(b"R", b""), 5.0)) == [[("garbled", SIZE)]]
    assert kinds(port.feed(b"%P03-9999RB\r%P03-000AB\r%P03-0000\r", 5.0)) == [
        [("garbled", SIZE), ("garbled", SIZE), ("no_read", "")],
    ]
    assert kinds(Port(3, size_extra=4).feed(b"%P03-0006AB\r", 5.0)) == [[("read", "AB")]]


@pytest.mark.parametrize("cut", range(1, 22))
def test_a_frame_of_an_n_410_without_its_first_bytes_is_no_code(cut: int) -> None:
    [items] = kinds(Port(3).feed(b"%P03-0013RB123456785GB\r"[cut:], 5.0))
    assert [kind for kind, _ in items] == ["garbled"]


def test_what_the_heads_of_an_n_410_say_beside_codes() -> None:
    [items] = kinds(Port(3).feed(b"%P03-0005ERROR\r%P03-0004OVER\r%P03-0005ERR22\r%P03-0006OK,LON\r", 5.0))
    assert items == [
        *(("no_read", ""), ("error", "the buffer has overflowed, codes are lost")),
        *(("error", "parameters could not be loaded or saved"), ("read", "OK,LON")),
    ]


def test_noise_on_a_bus_is_reported_by_one() -> None:
    port = Port(3, 4)
    assert kinds(port.feed(b"\x00\xff\x7e\r%P07-0001A\r%T03-LON\r", 5.0)) == [
        [("garbled", NO_ANSWER), ("garbled", STRANGER), ("garbled", NO_ANSWER)],
        [],
    ]
    port.feed(b"%P04-00", 6.0)
    assert kinds(port.tick(600.0)) == [[("garbled", SILENCE)], []]


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        ({"address": 3}, {"address": 3}, "address 3 stands twice on one port; write"),
        ({"address": 3}, {"address": 0, "check": "s10"}, "a reader without an address"),
        ({"address": 3}, {"address": 4, "framing": "stx"}, "framing is 'cr' and 'stx' on one port"),
    ],
)
def test_what_cannot_share_a_port(one: dict[str, Any], other: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        keyence_sr.join([keyence_sr.Driver(keyence_sr.Settings(**settings)) for settings in (one, other)])
    keyence_sr.join([])


def two(second: int) -> tuple[str, ...]:
    """The small floor with two readers on one port, as changes."""
    link = 'link = "serial:///run/n410?baud=38400"'
    return (
        'prefix = "\\u0002"\nsuffix = "\\u0003"\n => ',
        '[scanner.tunnel-1]\nkind = "line" => [scanner.tunnel-1]\nkind = "keyence_sr"',
        '[scanner.dock-1]\nkind = "line" => [scanner.dock-1]\nkind = "keyence_sr"',
        f'link = "tcp://127.0.0.1:2112" => {link}\naddress = 1',
        f'link = "tcp://127.0.0.1:2113" => {link}\naddress = {second}',
    )


def test_two_readers_of_one_port_on_a_floor(tmp_path: Path) -> None:
    config = load(write(tmp_path, *two(2)))
    assert {name: scanner.settings.address for name, scanner in config.scanner.items()} == {"tunnel-1": 1, "dock-1": 2}
    with pytest.raises(ConfigErrors) as caught:
        load(write(tmp_path, *two(1)))
    assert "scanner.dock-1.link: address 1 stands twice on one port; write each reader's own" in str(caught.value)


def test_two_readers_of_one_port_in_the_daemon() -> None:
    daemon = Daemon(*two(2))
    daemon.node.link_up("tunnel-1", daemon.now)
    assert daemon.node.take("tunnel-1") == b"\x1b%T01-LOFF\r"
    daemon.node.received("tunnel-1", b"%T01-OK\r", daemon.now)
    assert daemon.node.take("tunnel-1") == b"%T02-LOFF\r"
    daemon.node.received("tunnel-1", b"%T02-OK\r%P02-0013RB123456785GB\r", daemon.now)
    frames = {name: driver.counters.frames for name, driver in daemon.node.drivers.items() if name != "plc-1"}
    assert frames == {"tunnel-1": 1, "dock-1": 2}
    daemon.node.link_down("tunnel-1", daemon.now, "unplugged")
    assert daemon.node.take("tunnel-1") == b""


# --- the wire ---------------------------------------------------------------------------------------------------------

STREAM = b"\x00\x02NO\x02RB123456785GB\x03\x02ERROR\x03\x02\x03noise\x02A\x00B\x03\x02OK,LON\x03"
SAID = ["garbled", "garbled", "read", "no_read", "no_read", "garbled", "garbled", "read"]


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_byte_by_byte_or_at_once_any_split_says_the_same(cuts: list[int]) -> None:
    chunks = [STREAM[a:b] for a, b in pairwise([0, *sorted(cuts), len(STREAM)])]
    assert [kind for kind, _ in heard(free(), *chunks)] == SAID


def test_concatenated_frames_keep_their_order() -> None:
    assert heard(reader(), ERROR + DATA + ERROR) == [("no_read", ""), ("read", S10), ("no_read", "")]


def test_partial_frame_silence_discards_it_and_the_next_is_clean() -> None:
    driver = ready(reader())
    driver.feed(DATA[:5], 10.0)
    assert driver.next_at() == 510.0
    assert said(driver.tick(510.0)) == [("garbled", SILENCE)]
    assert said(driver.feed(DATA, 511.0)) == [("read", S10)]
    driver.feed(DATA[:5], 600.0)
    assert said(driver.closed(601.0)) == [("garbled", UNFINISHED)]


def test_a_new_stx_restarts_a_frame_and_its_tail_is_noise() -> None:
    assert heard(free(), bytes.fromhex("025202484203420 3".replace(" ", ""))) == [
        *(("garbled", RESTART), ("read", "HB"), ("garbled", BETWEEN)),
    ]


def test_a_reboot_banner_is_no_code_and_a_torn_code_neither() -> None:
    assert heard(reader(), b"\r\nSR-750 Ver.1.00\r\n" + DATA[1:] + DATA) == [
        *(("garbled", "fails the check s10"), ("garbled", "fails the check s10"), ("read", S10)),
    ]
    assert heard(reader(check="", fixed_lengths=(13,)), DATA[1:]) == [("garbled", LENGTH)]


def test_nul_parity_and_seven_bit_leftovers_are_no_code() -> None:
    assert heard(free(), b"\x02A\x00B\x03\x02A\x1aB\x03") == [("garbled", CONTROL)] * 2
    wire = bytes(byte | 0x80 for byte in DATA[:-1]) + b"\r"
    assert [kind for kind, _ in heard(reader(), wire)] == ["garbled"]


def test_oversize_is_capped_and_it_finds_the_next_frame() -> None:
    assert heard(free(max_length=100), b"\x02" + b"A" * 100_000 + b"\x02B\x03")[-1] == ("read", "B")


def test_two_codes_one_parcel() -> None:
    assert heard(free(separator=","), b"\x02A,ERROR,B\x03") == [("read", "A"), ("read", "B")]


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"framing": "lf"}, 'write "cr" or "stx"'),
        ({"check": ""}, "nothing proves that a code is whole"),
        ({"address": 32}, "address = 32: write 1 to 31"),
        ({"address": -1}, "address = -1"),
        ({"on_command": ""}, "on_command = ''"),
        ({"off_command": "A\rB"}, "off_command"),
        ({"on_ms": 0.0}, "on_ms = 0.0"),
        ({"max_length": 0}, "max_length = 0"),
        ({"check": "crc"}, "write one of s10, gs1, mod10"),
        ({"no_read": ("\u20ac",)}, "no_read"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        reader(**settings)
