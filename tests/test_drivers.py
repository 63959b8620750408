"""Every driver has its shape, its transcript and its stub; and each recorded message survives any cut of the wire.

Found by walking the families: a new driver is tested by existing. A kind with a Sniffer is heard through it, because
its driver says nothing without a session; its driver is fed too, and must not fail.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import devices.driver
from controller.commands._texts import settings as settings_of
from controller.described import name_of
from devices.driver import kinds, load
from devices.types import Garbled, Item, Kept, NoRead, Read
from tests import transcripts
from tests.ears import ALL_KINDS, KINDS, RECORDED, Ear, settings_groups
from tests.transcripts import Recorded

METHODS = [name for name in vars(devices.driver.Driver) if not name.startswith("_")]
every_message = pytest.mark.parametrize(("kind", "message"), RECORDED, ids=[str(message) for _, message in RECORDED])
with_clock = [(kind, message) for kind, message in RECORDED if not hasattr(load(kind), "Sniffer")]
every_kind = pytest.mark.parametrize("kind", KINDS)
of_all_kinds = pytest.mark.parametrize("kind", ALL_KINDS)


def test_there_are_drivers() -> None:
    assert {"line", "sick_cola"} <= KINDS.keys()


@of_all_kinds
def test_a_driver_has_its_shape(kind: str) -> None:
    module = load(kind)
    schema: Any = module.Settings
    assert dataclasses.is_dataclass(schema)
    assert schema.__dataclass_params__.frozen  # type: ignore[union-attr]  # mypy 1.x knows it, typeshed's stub not
    assert [name for name in METHODS if not callable(getattr(module.Driver, name, None))] == []
    assert (module.__doc__ or "").count("\n") > 2, "the top of a driver says how its machine talks"


@of_all_kinds
def test_a_driver_has_a_transcript_with_sources(kind: str) -> None:
    assert transcripts.read(kind) if kind in KINDS else transcripts.conversation(kind)


@of_all_kinds
def test_a_driver_has_a_stub(kind: str) -> None:
    assert importlib.util.find_spec(f"firmware_stubs.{ALL_KINDS[kind]}.{kind}"), f"no stub speaks {kind}"


@every_message
def test_whole(kind: str, message: Recorded) -> None:
    items = Ear(kind, message.settings).feed(message.raw, 1.0)
    assert items
    assert all(isinstance(item, Garbled) for item in items) == message.meaning.startswith("garbled")


@every_message
def test_byte_by_byte(kind: str, message: Recorded) -> None:
    assert Ear(kind, message.settings).bytewise(message.raw) == Ear(kind, message.settings).feed(message.raw, 1.0)


@every_message
def test_five_in_a_row(kind: str, message: Recorded) -> None:
    once = Ear(kind, message.settings).feed(message.raw, 1.0)
    if "ack=acknak" in message.settings:  # said again before our ACK is the same code: the wire has no other sign of it
        assert Ear(kind, message.settings).feed(message.raw * 5, 1.0) == once
        return
    assert Ear(kind, message.settings).feed(message.raw * 5, 1.0) == [*once] * 5
    assert Ear(kind, message.settings).bytewise(message.raw * 5) == [*once] * 5


@every_message
def test_cut_at_each_byte(kind: str, message: Recorded) -> None:
    whole = len(message.raw) - message.raw.endswith(b"\r\n")  # a line is complete at its CR
    for cut in range(1, whole):
        ear = Ear(kind, message.settings)
        before = ear.feed(message.raw[:cut], 1.0)
        after = ear.close(2.0)
        assert not before or message.meaning.startswith("garbled"), cut
        assert [*before, *after], cut
        assert all(isinstance(item, Garbled) for item in [*before, *after]), cut


@pytest.mark.parametrize(("kind", "message"), with_clock, ids=[str(message) for _, message in with_clock])
def test_silence_ends_a_cut_message_and_the_next_is_whole(kind: str, message: Recorded) -> None:
    later = 9e9 + 1e6
    once = Ear(kind, message.settings).feed(message.raw, later)
    whole = len(message.raw) - message.raw.endswith(b"\r\n")
    for cut in range(1, whole):
        ear = Ear(kind, message.settings)
        before = ear.feed(message.raw[:cut], 1.0)
        silent: list[Item] = []
        for _ in range(5):  # of what is due, the end of the silence may not be the first
            if before or silent or (due := ear.driver.next_at()) is None:
                break
            silent += ear.driver.tick(due)
            ear.driver.take()
        assert all(isinstance(item, Garbled) for item in [*before, *silent]), cut
        assert before or silent, cut
        ear.driver.tick(9e9)  # and what it has asked meanwhile is over
        assert ear.feed(message.raw, later) == once, cut


@every_kind
@given(data=st.data())
def test_no_bytes_raise(kind: str, data: st.DataObject) -> None:
    texts = data.draw(st.sampled_from(settings_groups(kind)))
    messages = [message.raw for known, message in RECORDED if known == kind and message.settings == texts]
    piece = st.one_of(st.binary(max_size=40), st.sampled_from([*messages, b"\x02", b"\x03", b"\r", b"\n"]))
    module = load(kind)
    driver = module.Driver(settings_of(module.Settings, texts))
    driver.opened(0.0, Kept())
    ear, now = Ear(kind, texts), 0.0
    for chunk, pause in data.draw(st.lists(st.tuples(piece, st.sampled_from([0.0, 1.0, 150.0, 5000.0])), max_size=30)):
        now += pause
        for item in [*driver.tick(now), *driver.feed(chunk, now), *ear.feed(chunk, now)]:
            assert not isinstance(item, Garbled) or len(item.raw) <= 64
        driver.take()
    driver.closed(now)
    ear.close(now)


SCANNERS = [kind for kind, family in KINDS.items() if family == "scanners"]
SAID = [(kind, message) for kind, message in RECORDED if KINDS[kind] != "plcs"]


def told(item: Item) -> str:
    """An item in the words of a transcript: `read RB123456785GB`, `no_read`, `reply sAN mTCgateon 1`, …"""
    name, words = name_of(item), [getattr(item, key, "") for key in ("verb", "code", "text")]
    return " ".join([name, *(word for word in words if word and name not in ("heartbeat", "no_read", "garbled"))])


@pytest.mark.parametrize(("kind", "message"), SAID, ids=[str(message) for _, message in SAID])
def test_a_scanner_driver_understands_what_the_transcript_says(kind: str, message: Recorded) -> None:
    """The meaning, up to the colon, names the items in their order."""
    expected = message.meaning.split(":")[0].encode("latin-1").decode("unicode_escape")
    heard = [told(item) for item in Ear(kind, message.settings).feed(message.raw, 1.0)]
    assert ", ".join(heard) == expected


@pytest.mark.parametrize("kind", SCANNERS)
def test_stub_and_driver_of_a_scanner_understand_each_other(kind: str) -> None:
    """Written apart from each other; the first settings of the transcript, as far as the stub has them, join them."""
    texts = transcripts.read(kind)[0].settings
    stubs = importlib.import_module(f"firmware_stubs.scanners.{kind}")
    fields = {field.name for field in dataclasses.fields(stubs.Settings)}
    stub = stubs.Scanner(
        settings_of(stubs.Settings, tuple(text for text in texts if text.split("=")[0] in fields)), 1, 0.0
    )
    module = load(kind)
    driver = module.Driver(settings_of(module.Settings, texts))
    driver.opened(0.0, Kept())
    now = 0.0

    def hear() -> list[Item]:
        """What the stub says is heard, and what is heard is durable at once."""
        items = driver.feed(stub.take(), now)
        for item in items:
            if getattr(item, "token", None) is not None:
                driver.confirm(item.token, now)
        stub.feed(driver.take(), now)
        return [item for item in items if isinstance(item, Read | NoRead | Garbled)]

    stub.feed(driver.take(), now)
    for codes, expected in (([b"RB123456785GB"], ["read RB123456785GB"]), ([], ["no_read"])):
        stub.gate(codes, now)
        heard = hear()
        for _ in range(10):
            due = stub.next_at()
            if heard or due is None:
                break
            now = due
            stub.tick(now)
            heard += hear()
        assert [told(item) for item in heard] == expected
        now += 1000.0


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("cognex", "did you mean 'dataman' (Cognex DataMan readers)?"),
        ("fx9600", "did you mean 'zebra_fx' (Zebra fixed RFID readers with IoT Connector)?"),
        ("sick", "did you mean 'mda' (SICK Master Data Analyzer) or 'sick_cola' (SICK CLV6xx and Lector scanners)?"),
        ("keyence-sr", "did you mean 'keyence_sr' (Keyence SR and BL readers)?"),
        ("", "known kinds are: cubiscan (CubiScan 125 and 325), "),
        ("[", "known kinds are: "),
    ],
)
def test_a_kind_is_found_by_its_machine(word: str, said: str) -> None:
    assert devices.driver.meant(word, kinds()).startswith(said)


def test_every_kind_says_which_machine_it_is_for() -> None:
    titles = {kind: devices.driver.title(kind) for kind in kinds()}
    assert all(8 < len(words) < 80 and words != kind for kind, words in titles.items()), titles
    assert len(set(titles.values())) == len(titles)
