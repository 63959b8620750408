"""A machine that is set to send a heartbeat, and does not."""

from __future__ import annotations

from devices.alive import Silence
from devices.types import Condition


def test_silence_is_said_once_and_its_end_once() -> None:
    silence = Silence(1000.0)
    silence.opened(0.0)
    assert silence.next_at() == 1000.0
    assert silence.tick(999.0) == []
    assert silence.heard(900.0) == []
    assert silence.tick(1899.0) == []
    [missing] = silence.tick(1900.0)
    assert (missing.ok, missing.at) == (False, 1900.0)
    assert silence.next_at() is None
    assert silence.tick(9000.0) == []
    assert silence.heard(9500.0, b"HB") == [Condition(True, "its heartbeat is back", b"HB", 9500.0)]
    assert silence.heard(9600.0) == []
    assert silence.next_at() == 10600.0


def test_nothing_is_expected_of_one_without_a_heartbeat_or_a_channel() -> None:
    silence = Silence(0.0)
    silence.opened(0.0)
    assert silence.next_at() is None
    assert silence.heard(5.0) == []
    silence = Silence(1000.0)
    silence.opened(0.0)
    silence.closed()
    assert silence.next_at() is None
    assert silence.tick(9000.0) == []
