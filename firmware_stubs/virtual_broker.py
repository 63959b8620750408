"""The broker of a virtual floor: who has subscribed hears, and what is retained is kept. No time passes in it."""

from __future__ import annotations

from collections.abc import Callable

from firmware_stubs.stub import Message
from firmware_stubs.topics import matches

Hear = Callable[[Message], None]


class VirtualBroker:
    """Clients have a name and belong to a group, such as the stubs. QoS is all the same here: nothing is ever lost."""

    def __init__(self) -> None:
        self._subscriptions: list[tuple[str, str, str, Hear]] = []
        self._retained: dict[str, Message] = {}
        self._known: dict[str, list[tuple[str, Hear]]] = {}  # topic -> group and ear of each that hears it

    def subscribe(self, group: str, client: str, filter_: str, hear: Hear) -> None:
        """A client wants to hear this, for ever."""
        self._subscriptions.append((group, client, filter_, hear))
        self._known.clear()

    def publish(self, message: Message, *groups: str) -> None:
        """Give a message to all clients of these groups that hear it, once each."""
        if message.retain:
            self._retained.pop(message.topic, None)
            if message.payload:
                self._retained[message.topic] = message
        fresh = Message(message.topic, message.payload, message.qos)
        for group, hear in self._hearers(message.topic):
            if group in groups:
                hear(fresh)

    def greet(self, group: str, client: str) -> None:
        """A client has connected: it is given what is retained for it."""
        ears = [(filter_, hear) for one, name, filter_, hear in self._subscriptions if (one, name) == (group, client)]
        for message in list(self._retained.values()):
            for hear in [hear for filter_, hear in ears if matches(filter_, message.topic)][:1]:
                hear(message)

    def _hearers(self, topic: str) -> list[tuple[str, Hear]]:
        found = self._known.get(topic)
        if found is None:
            hears = {
                (group, client): hear for group, client, filter_, hear in self._subscriptions if matches(filter_, topic)
            }
            found = self._known[topic] = [(group, hear) for (group, _), hear in hears.items()]
        return found
