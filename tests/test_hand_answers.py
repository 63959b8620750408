"""Hands on a real broker, with a real daemon: everyone who asks is answered, by what is on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller import broker
from controller.journal_reader import Reader
from tests.hand_answers import hub


def test_everyone_is_answered_once_and_what_was_answered_is_on_disk(tmp_path: Path) -> None:
    try:
        with hub(tmp_path) as hands:
            for number in range(60):
                code = "RB123456785GB" if number % 3 else "NOT-ADVISED"
                hands.scan(f"HT-{number % 4}", str(number), code, "load")
            hands.wait(60)
    except broker.BrokerMissing as missing:
        pytest.skip(str(missing))
    told = {int(ref): verdict for (_, ref), (_, verdict) in hands.answers.items()}
    assert told == {number: "ok" if number % 3 else "wrong" for number in range(60)}
    reader = Reader(tmp_path / "state" / "journal.db")
    try:
        reads = [row for row in reader.since(1) if row.type == "hubfloor.parcel.read.v1"]
    finally:
        reader.close()
    assert len(reads) == 60
