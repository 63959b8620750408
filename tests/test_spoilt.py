"""A machine of which nothing is understood is an alarm, with what to look at; noise on a cable is not."""

from __future__ import annotations

import pytest

from controller.commands import _device
from controller.spoilt import KEPT, ROW, WITHIN_MS, Spoilt
from devices.types import Garbled, Heartbeat
from tests.floor_fixture import TUNNEL
from tests.test_node import Daemon


def bad(at: float, raw: bytes = b"x") -> Garbled:
    return Garbled(raw, "bytes between frames", at)


def run(spoilt: Spoilt, count: int, every: float, raw: bytes = b"x") -> list[bool]:
    return [spoilt.heard(bad(number * every, raw)) for number in range(count)]


def test_so_many_in_a_row_are_said_once_and_one_good_message_ends_it() -> None:
    spoilt = Spoilt()
    assert run(spoilt, ROW + 5, 10.0) == [False] * (ROW - 1) + [True] + [False] * 5
    assert "20 messages in a row" in str(spoilt.alarm)
    assert spoilt.heard(Heartbeat(b"", 1e6))
    assert str(spoilt.alarm) == "None"
    assert not spoilt.heard(Heartbeat(b"", 1e6))


def test_noise_now_and_then_is_no_alarm() -> None:
    assert not any(run(Spoilt(), 100, WITHIN_MS / (ROW - 2)))
    spoilt = Spoilt()
    for number in range(100):
        assert not spoilt.heard(bad(number))
        if number % 10 == 0:
            assert not spoilt.heard(Heartbeat(b"", number))


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (bytes.fromhex("f8fe00fee05800"), "wrong baud rate"),
        (bytes.fromhex("82d242b1b233b4b5b6b7b8b547428d"), "7 data bits"),
        (b"RB123456785GB", "its settings"),
    ],
)
def test_the_alarm_says_what_to_look_at(raw: bytes, words: str) -> None:
    spoilt = Spoilt()
    run(spoilt, ROW, 1.0, raw)
    assert words in (spoilt.alarm or "")
    assert raw[:4].hex(" ") in (spoilt.alarm or "")


def test_the_last_are_kept_and_shown_as_hex() -> None:
    spoilt = Spoilt()
    run(spoilt, 30, 1.0, b"\x1b[2J")
    assert len(spoilt.last) == KEPT
    rows = _device._spoilt(
        [{"age_ms": 10, "why": "noise", "raw": b"\x1b[2J".hex()}, {"age_ms": 1, "why": "w", "raw": "00"}]
    )
    assert rows == [
        "last bad  0.0 s ago  w",
        f"          {'00':<48} .",
        "          0.0 s ago  noise",
        f"          {'1b 5b 32 4a':<48} .[2J",
    ]


def test_a_node_raises_and_clears_it() -> None:
    daemon = Daemon().up()
    for _ in range(ROW):
        daemon.node.received(TUNNEL, b"\x02torn\x02", daemon.now)
    alarms = [row for row in daemon.on_its_way().events if b"garbled-tunnel-1" in row.body]
    assert [row.topic.rsplit("/", 1)[1] for row in alarms] == ["raised"]
    daemon.read("CP1")
    assert "garbled-tunnel-1" not in daemon.node.standing
