"""A ready floor as the demo: the mixes of floorsim bring the parcels, and its centre speaks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.demo import Demo, DemoFailed, Options
from controller.demo_centre import Centre


@dataclass(slots=True)
class Announced:
    """What the simulated centre knows of a parcel, and has said of it."""

    advice: dict[str, Any] | None
    said: list[tuple[float, str]] = field(default_factory=list)


class ReadyFloor(Demo):
    """`options.floor` is the name of a ready floor: `floorsim new` writes it into the folder."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.parcels: dict[str, Announced] = {}

    async def write(self, url: str, site: str) -> list[Path]:
        """What `floorsim new` writes. Raises DemoFailed with its words."""
        assert self.options.floor is not None
        new = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "firmware_stubs", "new", self.options.floor, str(self.options.folder)),
            *("--broker", url, "--site", site, "--free-ports", "--json"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, errors = await new.communicate()
        if new.returncode != 0:
            raise DemoFailed(errors.decode().strip().removeprefix("floorsim: "))
        return [Path(path) for path in json.loads(said)["floors"]]

    def arguments(self) -> list[str]:
        """So many parcels, or until it is stopped."""
        return [] if self.options.parcels is None else ["--parcels", str(self.options.parcels)]

    async def bring(self, centre: Centre) -> None:
        """floorsim does, until all have come or it is told to stop; then it runs empty."""
        await self.ended_or_stopped()
        if self.simulator.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.simulator.terminate()

    def entry(self, centre: Centre, entry: dict[str, Any]) -> None:
        """What the simulated centre knows and says stands in the ledger, too."""
        if entry["what"] == "announced":
            goods = entry["goods"]
            self.parcels[entry["parcel"]] = Announced(None if goods["customs"] == "unknown" else goods)
        elif entry["what"] == "customs" and entry["parcel"] in self.parcels:
            self.parcels[entry["parcel"]].said.append((entry["t"], entry["status"]))
