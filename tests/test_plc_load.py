"""A telegram line carries nearly all that its wire can, before answers come late."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.line_load import Alone, Kind, Line
from tests.plc_load import KINDS, SYNC_MS, WANTED, carries, limit

DOCS = Path(__file__).parent.parent / "docs"
SLOW, FAST = KINDS[:2]


@pytest.mark.parametrize("kind", [SLOW, FAST], ids=["9600", "115200"])
@pytest.mark.parametrize("controller", ["driver", "node"])
def test_what_a_line_carries(kind: Kind, controller: str) -> None:
    assert carries(kind, controller, WANTED * limit(kind), 800)


def test_other_encodings_carry_something() -> None:
    for kind in KINDS[2:]:
        assert carries(kind, "node", 0.2 * limit(kind), 100)


@pytest.mark.parametrize("kind", [SLOW, *KINDS[3:]], ids=["telegram", "modbus", "mqtt_json"])
def test_no_line_carries_more_than_its_wire(kind: Kind) -> None:
    assert not carries(kind, "driver", 1.02 * limit(kind), 3000)


def test_the_limits_in_the_documents() -> None:
    section = (DOCS / "plc.md").read_text().partition("## What a line carries")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in row.split("|")[2:5]] for row in section.splitlines() if " | " in row][1:]
    assert [(row[1], row[2]) for row in rows] == [
        (f"{limit(kind):,.0f}", f"{float(row[0].replace(',', '')) / limit(kind):.0%}".replace("%", " %"))
        for kind, row in zip(KINDS, rows, strict=True)
    ]


def test_the_characters_of_a_parcel() -> None:
    """The arithmetic is about what is really on the wire."""
    line = Line(SLOW, Alone(SLOW))
    line.run(SYNC_MS)
    up, down = line.up.characters, line.down.characters
    for number in range(100):
        line.run(SYNC_MS + number * 300)
        line.arrive()
    line.run(line.now + 1800)
    # And perhaps one LIFE of the controller (37) and of the PLC (31) with their answers, as the line falls silent.
    assert 0 <= line.up.characters - up - 100 * (85 + 81 + 31) <= 62
    assert 0 <= line.down.characters - down - 100 * (84 + 37 + 37) <= 74
