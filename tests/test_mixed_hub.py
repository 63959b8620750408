"""A whole daemon against a floor whose parcels come from a mix, with the stub of the centre in place of a real one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from firmware_stubs.stub import Message
from tests.hub import Hub

MIX = """
[mix.in]
held = 0.1
late_release = 0.2
recalled = 0.2
recalled_after_s = [0.5, 40]
[stub.centre]
kind = "centre"
link = "mqtt://127.0.0.1:1"
site = "lgg"
"""


class MixedHub(Hub):
    """Its parcels are those of a mix; what the hub's own centre says is nothing."""

    MIXED = 150

    def __init__(self, folder: Path) -> None:
        self.goods: dict[str, dict[str, Any]] = {}
        self.codes: dict[str, list[str]] = {}
        self.lanes: dict[str, str] = {}
        self.recalled: list[str] = []
        super().__init__(folder, rate=3.0)
        self.world.connected("centre", True, self.now)

    def written(self, folder: Path, lines: int, rate: float, seed: int) -> Path:
        path = super().written(folder, lines, rate, seed)
        path.write_text(path.read_text().replace("[induction.S1]\n", '[induction.S1]\nmix = "in"\n') + MIX)
        return path

    def state(self, topic: str, payload: bytes) -> None:
        if topic.endswith("/state/node"):
            self.world.feed("centre", Message(topic, payload), self.now)

    def _beat(self) -> None:
        """The stub's are enough."""

    def _belt(self, entry: dict[str, Any]) -> None:
        if entry["what"] == "announced":
            self.goods[entry["parcel"]], self.codes[entry["parcel"]] = entry["goods"], entry["codes"]
        elif entry["what"] == "lane":
            self.lanes[entry["parcel"]] = entry["lane"]

    def _published(self, key: int, body: bytes) -> None:
        super()._published(key, body)
        if b'"hubfloor.parcel.recall.v1"' in body:
            self.recalled.append(body.decode())


def test_floord_believes_the_simulated_centre_and_sorts_by_what_it_says(tmp_path: Path) -> None:
    hub = MixedHub(tmp_path)
    hub.run(lambda: hub.world.in_session)
    hub.world.release(hub.now)
    end = hub.now + 150_000
    hub.run(lambda: len(hub.lanes) == 150 and hub.done() and hub.now >= end)
    where = Counter(
        (goods["customs"], "EX" if hub.lanes[parcel].endswith("EX") else hub.lanes[parcel][3:5] == "L0")
        for parcel, goods in hub.goods.items()
        if hub.codes[parcel]
    )
    assert where["unknown", "EX"] == sum(n for (customs, _), n in where.items() if customs == "unknown") > 0
    assert where["hold", True] == 0 < sum(n for (customs, _), n in where.items() if customs == "hold")
    for customs in ("release", "none"):
        assert where[customs, True] >= 0.9 * sum(n for (one, _), n in where.items() if one == customs) > 0
    assert where["late_release", True] > 0
    held_too_late = [parcel for parcel, goods in hub.goods.items() if goods["customs"] == "recall"]
    held_too_late = [parcel for parcel in held_too_late if hub.lanes[parcel][3:5] == "L0" and hub.codes[parcel]]
    assert held_too_late
    for parcel in held_too_late:
        assert any(f'"{parcel}"' in body for body in hub.recalled)
