"""What can be done to the cables of a floor in real time, beside what happens to pieces on them (`cables.py`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from firmware_stubs.cables import Cables
from firmware_stubs.wire import Job, MediumError, Pauses, PortError, Wire


class WireMedium:
    """Each stub's cable. On a bus a stub is unplugged alone, and the others stay on it."""

    def __init__(
        self,
        wires: Mapping[str, Wire],
        others: Mapping[str, Sequence[str]],
        cables: Cables,
        run: Callable[[Job, str], None],
    ) -> None:
        """`others`: by stub, who hangs on its wire beside it. `run` makes a task of a job, with a name."""
        self._wires = wires
        self._others = others
        self._cables = cables
        self._run = run
        self._pulled: set[str] = set()

    def unplug(self, stub: str) -> None:
        """Pull the stub's cable out; what is on its way is lost."""
        self._pulled.add(stub)
        self._cables.cut_off(stub)
        if not self._others[stub]:
            self._wires[stub].unplug()

    def plug(self, stub: str) -> None:
        """Plug it in again, soon: a pty under another name behind the same symlink."""
        self._pulled.discard(stub)
        if not self._others[stub]:
            self._run(self._plug(stub), f"plug {stub}")

    def flow(self, stub: str, stopped: bool) -> None:
        """XOFF, or XON. Raises MediumError where there is no such thing."""
        if self._others[stub]:
            raise MediumError(f"{stub} shares its cable with {', '.join(self._others[stub])}: a bus has no XOFF")
        self._wires[stub].flow(stopped)

    def carries(self, stub: str) -> bool:
        """False = the stub's cable is out: nothing that it says leaves, and nothing that is said reaches it."""
        return stub not in self._pulled

    async def _plug(self, stub: str) -> None:
        """Until it works, or it is pulled again."""
        wire = self._wires[stub]
        pauses = Pauses(f"{wire.where} is to be plugged in again")
        while self.carries(stub):
            try:
                return await wire.plug()
            except (OSError, PortError) as error:
                pauses.failed(str(error))
                await asyncio.sleep(pauses.pause_s())
