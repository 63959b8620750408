"""No damage that a wire's own proof can catch gives a read; docs/scanners.md says in numbers what gets through."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from devices.scanners import _cola
from tests import proofs
from tests.ears import READERS
from tests.layers import functions
from tests.proofs import BIT, CHECKSUM, DAMAGES, PROVED, damaged, head, rows, stated

each_reader = pytest.mark.parametrize("kind", sorted(READERS))


@each_reader
def test_a_false_read_is_one_that_its_proof_cannot_catch(kind: str) -> None:
    """And the document says how many there are. After a change: python -m tests.proofs --write."""
    found = rows(kind)
    for row in found:
        for damage in PROVED[row.proof]:
            assert row.false[damage] == 0, row.examples[damage]
    assert [line for line in stated() if line.startswith(f"| `{kind}` |")] == [str(row) for row in found]


def test_the_document_has_no_other_rows() -> None:
    assert stated()[:2] == head()
    assert {line.split("`")[1] for line in stated()[2:]} == set(READERS)


def test_every_place_is_damaged() -> None:
    found = list(damaged(b"abc", b"d"))
    assert [sum(1 for damage, _ in found if damage == one) for one in DAMAGES] == [2, 2, 2, 3, 24]
    assert len({data for _, data in found}) == len(found) - 2  # `ab` and `bc` have lost a byte and an end


def test_a_checksum_that_is_not_looked_at_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cola, "reduce", lambda join, data, start=0: _Anything())
    [checked] = [row for row in rows("sick_cola") if row.proof == CHECKSUM]
    assert checked.false[BIT] > 0


class _Anything(int):
    """Equal to every check byte."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


def test_a_kind_to_come_has_a_proof() -> None:
    assert proofs.proof_of("acme_lrc", (), b"\x02A\x03") == proofs.START_END
    assert proofs.proof_of("acme_lrc", (), b"\x02A\x03", [b"\x02B\x03", b"HB\x03"]) == proofs.SOME_STARTS
    assert proofs.proof_of("acme_lrc", (), b"A\r\n") == proofs.ONLY_END
    assert proofs.proof_of("acme_lrc", ("check=s10",), b"A\r\n") == proofs.CHECK_DIGIT


def test_the_cases_of_the_document_name_tests_that_exist() -> None:
    text = (Path(__file__).parents[1] / "docs" / "scanners.md").read_text().split("## When bytes go wrong")[1]
    named = re.findall(r"`(test_\w+\.py)(?:::(\w+))?`", text)
    assert len(named) > 40
    for file, name in named:
        assert not name or name in functions(Path(__file__).parent / file), (file, name)
