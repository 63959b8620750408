"""Reading the floor file anew while the daemon runs: validate, tell the difference, apply, or leave all as it is.

A floor file that is wrong changes nothing: every problem is told with its line, and an alarm stands until a good one
was taken. What is right is applied by whoever runs the floor (`apply`), which says why where it did not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from controller.config import Config
from controller.logs import say
from controller.plan import Plan
from controller.plans import ConfigErrors, load_floor
from controller.reloading import difference, refused, told
from controller.wording import counted

Floor: TypeAlias = tuple[Config, Mapping[str, Plan]]
ALARM = "configuration"
FEW = 20
"""Changes and problems that are said in the log."""


def misread(problems: Sequence[str]) -> str:
    """What the alarm says of a floor file that was not taken."""
    more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
    return f"the floor file was not taken, the floor goes on as before: {problems[0]}{more}"


class Reloader:
    """One at a time; what is asked for meanwhile is done once more after it."""

    def __init__(
        self,
        floor_file: Path,
        running: Callable[[], Floor],
        apply: Callable[[Config, Mapping[str, Plan], str], Awaitable[str]],
        alarm: Callable[[str | None], None],
    ) -> None:
        """`apply(config, plans, why)`: "" when it was done, else why not. `alarm(what)`: None = it stands no more."""
        self._file, self._running, self._apply, self._alarm = floor_file, running, apply, alarm
        self._lock = asyncio.Lock()
        self._waiting = False

    async def reload(self) -> dict[str, Any]:
        """Take the floor file as it is now. `changes` in words, `problems` in words, `applied`."""
        if self._lock.locked() and self._waiting:
            return {"changes": [], "problems": ["a reload is waiting already"], "applied": False}
        self._waiting = True
        async with self._lock:
            self._waiting = False
            return await self._reload()

    async def compare(self) -> dict[str, Any]:
        """What a reload would do now; nothing is changed."""
        _, changes, problems = await self._read()
        return {"changes": changes, "problems": problems, "applied": False}

    async def _read(self) -> tuple[Floor | None, list[str], list[str]]:
        loop = asyncio.get_running_loop()
        try:
            config, plans = await loop.run_in_executor(None, load_floor, self._file)
        except ConfigErrors as errors:
            return None, [], [str(problem) for problem in errors.problems]
        before, plans_before = self._running()
        changes = difference(before, config, plans_before, plans)
        return (config, plans), told(changes), refused(changes)

    async def _reload(self) -> dict[str, Any]:
        floor, changes, problems = await self._read()
        if floor is not None and not problems and changes:
            for row in changes[:FEW]:
                say(f"reload: {row}")
            why = f"{counted(len(changes), 'change')} of the floor file"
            failed = await self._apply(*floor, why)
            problems = [failed] if failed else []
        for row in problems[:FEW]:
            say(f"reload: {row}")
        if problems:
            self._alarm(misread(problems))
            say("reload: nothing was changed")
        else:
            self._alarm(None)
            done = f"{counted(len(changes), 'change')} in force"
            say(f"reload: {done}" if changes else "reload: nothing has changed")
        return {"changes": changes, "problems": problems, "applied": bool(changes) and not problems}
