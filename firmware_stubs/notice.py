"""A broker with simulated machines: it is looked at before any of them speaks there, and told that they are simulated.

At a broker where a node runs in production no simulated machine ever speaks, whatever is allowed otherwise: the node's
retained `hub/v1/{site}/{node}/state/node` says so. The look takes `LOOK_S` with each connection, and goes on then.

The notice is retained on `floorsim/{client}`: a JSON object with `simulated` (stubs and their kinds), `by`, `pid` and
`since`. It is cleared at the end, by its will where the end is not told.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import getpass
import json
import os
import socket
import uuid
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import urlsplit

import aiomqtt

from firmware_stubs.floor_file import StubSection
from firmware_stubs.wire import Pauses, PortError

LOOK_S = 0.5  # for what the broker has retained
STATES = "hub/v1/+/+/state/node"
_KEEPALIVE_S = 5
_ANSWER_S = 5.0
_LEAVE_S = 1.0


class Notice:
    """One broker's, with a connection of its own. `allowed` is set while new machines may speak there."""

    def __init__(self, host: str, port: int, simulated: Mapping[str, str], changed: Callable[[], None]) -> None:
        """`simulated`: the kind of each stub there. `changed` is called when `allowed` is set."""
        self.allowed = asyncio.Event()
        self._changed = changed
        self._where = f"mqtt://{host}:{port}"
        self._address = (host, port)
        self._name = f"floorsim-{uuid.uuid4().hex[:12]}"
        self._topic = f"floorsim/{self._name}"
        since = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        notice = {"simulated": dict(simulated), "by": _who(), "pid": os.getpid(), "since": since}
        self._notice = json.dumps(notice).encode()
        self._closed = False
        self._connection: asyncio.Timeout | None = None

    async def run(self) -> None:
        """Until it is closed. Raises PortError when a node in production is there."""
        pauses = Pauses(self._where)
        while not self._closed:
            try:
                await self._stay(pauses)
            except aiomqtt.MqttError as error:
                if not self._closed:
                    pauses.failed(str(error))
            if not self._closed:
                await asyncio.sleep(pauses.pause_s())

    def close(self) -> None:
        """Take the notice away and leave."""
        self._closed = True
        if self._connection and not self._connection.expired():
            self._connection.reschedule(0.0)

    async def _stay(self, pauses: Pauses) -> None:
        async with aiomqtt.Client(
            *self._address,
            identifier=self._name,
            clean_session=True,
            keepalive=_KEEPALIVE_S,
            timeout=_ANSWER_S,
            will=aiomqtt.Will(self._topic, b"", 1, retain=True),
        ) as client:
            await self._watch(client, LOOK_S)
            if self._closed:
                return
            pauses.connected()
            await client.publish(self._topic, self._notice, qos=1, retain=True)
            self.allowed.set()
            self._changed()
            try:
                if not self._closed:
                    await self._watch(client, None)
            finally:
                self.allowed.clear()
                with contextlib.suppress(aiomqtt.MqttError):
                    await client.publish(self._topic, b"", qos=1, retain=True, timeout=_LEAVE_S)

    async def _watch(self, client: aiomqtt.Client, seconds: float | None) -> None:
        """Look at the states of nodes. Raises PortError for one in production."""
        if seconds is not None:
            (code,) = await client.subscribe(STATES, 0)
            if (code if isinstance(code, int) else code.value) >= 0x80:
                raise PortError(f"{self._where}: it does not say whether production is there; let it read {STATES}")
        try:
            async with asyncio.timeout(seconds) as self._connection:
                async for message in client.messages:
                    if in_production(message.payload):
                        _, _, site, node, *_ = str(message.topic).split("/")
                        raise PortError(
                            f"{self._where}: node {node} of site {site} runs in production there; "
                            "simulated machines never speak at its broker"
                        )
        except TimeoutError:
            pass
        finally:
            self._connection = None


def notices(stubs: Iterable[StubSection], changed: Callable[[], None]) -> dict[str, Notice]:
    """One for each broker, by its link."""
    by_link: dict[str, dict[str, str]] = {}
    for stub in stubs:
        if stub.link.startswith("mqtt:"):
            by_link.setdefault(stub.link, {})[stub.name] = stub.module.__name__.rpartition(".")[2]
    found = {link: notice_at(link, kinds, changed) for link, kinds in by_link.items()}
    return {link: notice for link, notice in found.items() if notice}


def notice_at(link: str, simulated: Mapping[str, str], changed: Callable[[], None] = lambda: None) -> Notice | None:
    """That of what is simulated at one link; None where it leads to no broker. Raises PortError."""
    try:
        url = urlsplit(link)
        return Notice(url.hostname or "", url.port or 0, simulated, changed) if url.scheme == "mqtt" else None
    except ValueError as error:
        raise PortError(f"{link}: {error}") from error


def in_production(payload: object) -> bool:
    """Whether this is the state of a node that is online in production."""
    try:
        state = json.loads(payload) if isinstance(payload, bytes) else None
    except (ValueError, RecursionError):
        return False
    return isinstance(state, dict) and state.get("state") == "online" and state.get("mode") == "production"


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        user = str(os.getuid())
    return f"floorsim of {user}@{socket.gethostname()}"
