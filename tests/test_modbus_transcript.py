"""tests/wire/modbus.txt as a dialogue: the driver writes the controller's lines and is answered the PLC's."""

from __future__ import annotations

import pytest

from controller.commands._texts import settings as settings_of
from devices.plcs.modbus import Driver, Settings, Sniffer
from devices.types import Answered, Command, Destination, Item, Kept, Request, SetTime
from tests import modbus_story, transcripts
from tests.modbus_line import EPOCH, kinds
from tests.transcripts import Recorded

RECORDED = transcripts.read("modbus")
TRANSPORTS = sorted({message.settings for message in RECORDED})
COMMANDS: dict[str, Command] = {
    "DEST": Destination("IND-1", 417, 1, "PLAN", ("L07", "L08")),
    "DEST with flag N and four lanes": Destination("IND-1", 418, 9999, "X", ("L07", "L08", "L09", "L10"), "K", True),
    "CMND": Request("L07", "BLCK", "1"),
    "TIME": SetTime(0x01A2_0605_9B84),
}


def test_the_file_is_what_the_builder_of_frames_gives() -> None:
    assert (transcripts.WIRE / "modbus.txt").read_text() == modbus_story.text()


def dialogue(texts: tuple[str, ...]) -> list[Recorded]:
    length = len(modbus_story.story(texts[0].partition("=")[2]))
    return [message for message in RECORDED if message.settings == texts][:length]


@pytest.mark.parametrize("texts", TRANSPORTS)
def test_the_driver_speaks_as_written(texts: tuple[str, ...]) -> None:
    driver, now = Driver(settings_of(Settings, texts)), 1000.0
    driver.opened(now, Kept(EPOCH, 411, 3, 7))
    items: list[Item] = []
    for message in dialogue(texts):
        if message.direction == "P":
            now += 3.0
            fresh = list(driver.feed(message.raw, now))
            for item in fresh:
                if token := getattr(item, "token", None):
                    driver.confirm(token, now)
            items += fresh
            continue
        if message.meaning in COMMANDS:
            driver.send(COMMANDS[message.meaning], now, None)
        written = driver.take()
        while not written:
            due = driver.next_at()
            assert due is not None, message
            now = max(now, due)
            items += driver.tick(now)
            written = driver.take()
        assert written.hex() == message.raw.hex(), message
    assert (
        kinds(items)
        == (
            "SessionBegun Speed Tracks Arrived Discharged Status Synchronised "
            "Inducted Passed Recirculated TrackLost Ghost HandedOver Button ContainerSeen Overflow Arrived "
            "Answered Answered Answered Answered"
        ).split()
    )
    assert [item.refusal for item in items if isinstance(item, Answered)] == [None, "LATE", "MODE", None]
    assert driver.counters.garbled == {}


@pytest.mark.parametrize("texts", TRANSPORTS)
def test_who_listens_understands_both_sides(texts: tuple[str, ...]) -> None:
    sniffer = Sniffer(settings_of(Settings, texts))
    heard = [item for message in dialogue(texts) for item in sniffer.feed(message.raw, 1.0)]
    assert "Garbled" not in kinds(heard)
    said = [item for item in kinds(heard) if item not in ("CommandSeen", "Reply", "Heartbeat")]
    assert (
        said
        == (
            "SessionBegun Tracks Arrived Discharged Status Synchronised Inducted Passed Recirculated TrackLost Ghost "
            "HandedOver Button ContainerSeen Overflow Arrived"
        ).split()
    )
