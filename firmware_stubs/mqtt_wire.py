"""A stub on an MQTT broker: connects for ever, with clean sessions; what it says without a broker is lost.

aiomqtt connects; one job listens, one talks, so that a message never waits for one that comes in. Who unplugs the
machine here publishes its will himself: a client that takes its leave is not missed by the broker.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import uuid
from collections import deque

import aiomqtt

from firmware_stubs.stub import Message, Piece, as_message
from firmware_stubs.wire import Job, MediumError, Pauses, Side

WAITING_MOST = 1000  # messages that the broker has not acknowledged yet; then the oldest are lost
_ERRNO = re.compile(r"^\[Errno -?\d+\] ")
_KEEPALIVE_S = 5
_ANSWER_S = 5.0  # within which the broker answers
_LEAVE_S = 1.0


class MqttWire:
    """One machine's connection to the broker."""

    def __init__(self, host: str, port: int, side: Side, allowed: asyncio.Event | None = None) -> None:
        """`allowed`: it does not connect while that is not set."""
        self.where = f"mqtt://{host}:{port}"
        self.dropped = 0
        self._address = (host, port)
        self._side = side
        self._allowed = allowed
        self._name = f"floorsim-{uuid.uuid4().hex[:12]}"
        self._waiting: deque[Message] = deque()
        self._more = asyncio.Event()
        self._closed = False
        self._plugged = asyncio.Event()
        self._plugged.set()
        self._client: aiomqtt.Client | None = None  # while its subscriptions are granted
        self._connection: asyncio.Timeout | None = None
        self._sending: asyncio.Timeout | None = None

    def jobs(self) -> list[Job]:
        """The one that listens and the one that talks."""
        return [self._listen(), self._talk()]

    def write(self, piece: Piece) -> None:
        """One message; never blocks."""
        if self._client is None:
            self.dropped += 1
            return
        self._waiting.append(as_message(piece))
        if len(self._waiting) > WAITING_MOST:
            self._waiting.popleft()
            self.dropped += 1
        self._more.set()

    def hang_up(self) -> None:
        """The machine is gone from the broker (its will is published), and comes again."""
        _end(self._connection)

    def unplug(self) -> None:
        """The machine is gone from the broker (its will is published), and does not come again."""
        self._plugged.clear()
        _end(self._connection)

    async def plug(self) -> None:
        """It comes again."""
        self._plugged.set()

    def flow(self, stopped: bool) -> None:
        """There is no such thing on a broker."""
        raise MediumError(f"{self.where}: a broker has no XOFF; let the machine's messages stall instead")

    def close(self) -> None:
        """Unplug for ever: the jobs take leave of the broker and end.

        To cancel them is not enough: `asyncio.wait_for` in aiomqtt forgets a cancellation that comes with an answer.
        """
        self._closed = True
        self._plugged.set()
        self._more.set()
        _end(self._connection)

    async def _listen(self) -> None:
        pauses = Pauses(self.where)
        while not self._closed:
            await self._plugged.wait()
            if self._allowed:  # behind another connection another broker may be
                await self._allowed.wait()
            try:
                await self._stay(pauses)
            except aiomqtt.MqttError as error:
                if not self._closed:
                    pauses.failed(_ERRNO.sub("", str(error)))
            if not self._closed:
                await asyncio.sleep(pauses.pause_s())

    async def _stay(self, pauses: Pauses) -> None:
        """One connection from its beginning to its end. Raises MqttError when it ends by itself, or never began."""
        will = self._side.will
        async with aiomqtt.Client(
            *self._address,
            identifier=self._name,
            clean_session=True,
            keepalive=_KEEPALIVE_S,
            timeout=_ANSWER_S,
            will=aiomqtt.Will(will.topic, will.payload, will.qos, will.retain) if will else None,
        ) as client:
            await self._subscribe(client)
            if self._closed or not self._plugged.is_set() or (self._allowed and not self._allowed.is_set()):
                return
            pauses.connected()
            self._client = client
            self._side.connected(True)
            lost = False
            try:
                async with asyncio.timeout(None) as self._connection:
                    async for one in client.messages:
                        self._side.heard(Message(str(one.topic), one.payload, one.qos, one.retain))
            except TimeoutError:  # the machine hung up
                pass
            except aiomqtt.MqttError:
                lost = True
                raise aiomqtt.MqttError("the connection is lost") from None
            finally:
                self._gone()
                if will and not lost:
                    with contextlib.suppress(aiomqtt.MqttError):
                        await client.publish(will.topic, will.payload, will.qos, will.retain, timeout=_LEAVE_S)

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        wanted = self._side.subscriptions
        if not wanted:
            return
        for topic, qos in wanted:
            (code,) = await client.subscribe(topic, qos)
            if (code if isinstance(code, int) else code.value) >= 0x80:
                raise aiomqtt.MqttError(f"the broker refuses the subscription to {topic}")

    def _gone(self) -> None:
        self._client = self._connection = None
        self.dropped += len(self._waiting)
        self._waiting.clear()
        _end(self._sending)
        self._side.connected(False)

    async def _talk(self) -> None:
        while not self._closed:
            await self._more.wait()
            self._more.clear()
            while self._waiting and self._client:
                await self._publish(self._client, self._waiting.popleft())

    async def _publish(self, client: aiomqtt.Client, message: Message) -> None:
        try:
            async with asyncio.timeout(None) as self._sending:
                await client.publish(message.topic, message.payload, message.qos, message.retain)
        except (aiomqtt.MqttError, TimeoutError):
            self.dropped += 1
        finally:
            self._sending = None


def _end(waiting: asyncio.Timeout | None) -> None:
    """Let what waits under this timeout stop waiting."""
    if waiting and not waiting.expired():
        waiting.reschedule(0.0)
