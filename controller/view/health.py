"""What floord says on its control socket: its status once a second, its events as they come. An edge.

Either socket may be missing, or come and go: `Daemon.why` then says so, and it is tried again.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from controller.commands._story import line_of, name_of
from controller.view.notes import FAMILIES

EVERY_S, RETRY_S = 1.0, 1.0
MOST = 1 << 24
"""Bytes of one answer; the status of a large floor is some 100 kB."""
KEPT = 200
"""Events that are shown."""


class Daemon:
    """One floord, by the folder that holds its `control.sock`."""

    def __init__(self, state_dir: Path) -> None:
        self.where = state_dir
        self.status: dict[str, Any] | None = None
        """its last answer; None while nobody answers"""
        self.why = f"no floord answers at {state_dir}"
        self.events: deque[tuple[str, str]] = deque(maxlen=KEPT)
        """(name, words) of those of alarms, lines, lanes and devices"""

    async def watch(self) -> None:
        """Ask for its status for ever."""
        while True:
            try:
                async for answer in _asked(self.where, {"do": "status"}, EVERY_S):
                    self.status = answer if answer.get("ok") else None
                    self.why = "" if self.status else f"floord: {answer.get('error', 'no answer')}"
            except (OSError, ValueError) as error:
                self.why = f"no floord answers at {self.where}: {_words(error)}"
            self.status = None
            await asyncio.sleep(RETRY_S)

    async def listen(self) -> None:
        """Hear its events for ever."""
        while True:
            try:
                async for event in _asked(self.where, {"do": "tail"}, None):
                    if "type" in event and (name := name_of(event)).split("/")[0] in FAMILIES:
                        self.events.append((name, line_of(event)))
            except (OSError, ValueError, KeyError, TypeError):
                pass  # `watch` says why
            await asyncio.sleep(RETRY_S)


async def _asked(state_dir: Path, request: dict[str, Any], every_s: float | None) -> AsyncIterator[dict[str, Any]]:
    """Every answer to a request; asked again so long after each, or once. Ends with the connection."""
    reader, writer = await asyncio.open_unix_connection(str(state_dir / "control.sock"), limit=MOST)
    try:
        writer.write(json.dumps(request).encode() + b"\n")
        while line := await reader.readline():
            yield json.loads(line)
            if every_s is not None:
                await asyncio.sleep(every_s)
                writer.write(json.dumps(request).encode() + b"\n")
    finally:
        writer.close()


def _words(error: Exception) -> str:
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)
