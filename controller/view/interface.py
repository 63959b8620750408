"""The simulator's interface as a client: HTTP on the unix socket beside the floor file. An edge.

Every error that a person can do something about is an InterfaceError with what is wrong.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import aiohttp

STATES_PER_S = 5
ANSWER_S = 10.0
MOST = 1 << 24
"""Bytes of one line of the stream."""


class InterfaceError(Exception):
    """The simulator is not there, or refuses; the text says why."""


class Interface:
    """One floorsim, by its socket."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.UnixConnector(str(self.path))
        self._session = aiohttp.ClientSession("http://floorsim", connector=connector, read_bufsize=MOST)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def floor(self) -> dict[str, Any]:
        """The floor as it was built."""
        return await self._ask("GET", "/v1/floor")

    async def faults(self) -> dict[str, Any]:
        """Kinds of faults, and what stands."""
        return await self._ask("GET", "/v1/faults")

    async def strike(self, asked: dict[str, Any]) -> str:
        """Let a fault begin; its id."""
        return str((await self._ask("POST", "/v1/faults", asked)).get("id", ""))

    async def end(self, fault: str | None) -> None:
        """End a fault before its time; None = all."""
        await self._ask("DELETE", "/v1/faults" if fault is None else f"/v1/faults/{quote(fault, safe='')}")

    async def time(self, do: str, ms: int | None = None) -> None:
        """`pause`, `resume` or `step` the simulator's time."""
        await self._ask("POST", "/v1/time", {"do": do} if ms is None else {"do": do, "ms": ms})

    async def stream(self) -> AsyncIterator[dict[str, Any]]:
        """States and pieces of the wire, for as long as the simulator runs."""
        assert self._session is not None
        params = {"state": str(STATES_PER_S), "wire": "1"}
        limit = aiohttp.ClientTimeout(total=None, sock_connect=ANSWER_S)
        try:
            async with self._session.get("/v1/stream", params=params, timeout=limit) as response:
                await _refused(response)
                while line := await response.content.readuntil(b"\n"):
                    yield _object(line)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise InterfaceError(self._words(error)) from None

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        assert self._session is not None
        limit = aiohttp.ClientTimeout(total=ANSWER_S)
        try:
            async with self._session.request(method, path, json=body, timeout=limit) as response:
                await _refused(response)
                text = await response.read()
                return _object(text) if text.strip() else {}
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise InterfaceError(self._words(error)) from None

    def _words(self, error: Exception) -> str:
        if isinstance(error, aiohttp.ClientConnectorError | FileNotFoundError | ConnectionRefusedError):
            return f"no floorsim answers at {self.path}; start it with floorsim run FLOOR.toml"
        if isinstance(error, TimeoutError):
            return f"floorsim at {self.path} does not answer within {ANSWER_S:g} s"
        return f"floorsim at {self.path}: {error}"


async def _refused(response: aiohttp.ClientResponse) -> None:
    """Raises InterfaceError with what the simulator says, if it refuses."""
    if response.status < 400:
        return
    text = await response.text()
    try:
        why = str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        why = f"{response.status} {response.reason}; this floorsim does not offer {response.url.path}"
    raise InterfaceError(why)


def _object(line: bytes) -> dict[str, Any]:
    found = json.loads(line)
    if not isinstance(found, dict):
        raise ValueError("an answer that is no object")
    return found
