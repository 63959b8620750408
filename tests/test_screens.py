"""The page of the view: its screens are there, of their sizes, and can be made anew."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from controller.view.board import KEYS
from tests import screens
from tests.view_fake import FakeSimulator, plant, state

PAGE = screens.PAGE.read_text()


@pytest.mark.parametrize("shot", screens.SHOTS, ids=lambda shot: shot.name)
def test_each_screen_is_in_the_page_and_as_large_as_it_says(shot: screens.Shot) -> None:
    found = re.search(rf"<!-- screen {shot.name} -->\n```text\n(.*?)```\n", PAGE, re.DOTALL)
    assert found
    rows = found[1].split("\n")[:-1]
    assert len(rows) == shot.size[1]
    assert max(map(len, rows)) <= shot.size[0]
    assert rows[-1].startswith(KEYS[:20])


def test_screens_in_colour_fetch_nothing_from_elsewhere() -> None:
    for shot in (shot for shot in screens.SHOTS if shot.svg):
        svg = (screens.FOLDER / f"{shot.name}.svg").read_text()
        assert "url(" not in svg.replace("url(#", "")


def test_a_screen_is_written_into_its_place() -> None:
    page = "a\n<!-- screen one -->\n```text\nold\n```\nb\n"
    assert screens.written(page, {"one": ["x\\1", ""]}) == "a\n<!-- screen one -->\n```text\nx\\1\n\n```\nb\n"
    with pytest.raises(ValueError, match="<!-- screen two -->"):
        screens.written(page, {"two": []})


def test_it_looks_at_a_floor_and_leaves_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def look() -> None:
        floor = plant()
        fake = FakeSimulator(floor, state(floor))
        fake.wire *= 6
        async with fake.serving(tmp_path / "floorsim.sock"):
            taken = await screens.of_floor(tmp_path) | await screens.of_loop(tmp_path)
        assert set(taken) == {shot.name for shot in screens.SHOTS}
        assert [(method, path) for method, path, _ in fake.asked][-1] == ("DELETE", "/v1/faults")
        assert any("! estop S2" in row for row in taken["stands"])

    monkeypatch.setattr(screens, "FOLDER", tmp_path / "screens")
    asyncio.run(look())
    assert (tmp_path / "screens" / "all.svg").stat().st_size > 10_000
