"""How the brokers of a floor file are reached: the centre's, and those on which machines are."""

from __future__ import annotations

from dataclasses import replace

from controller import simulators
from controller.config import Config
from controller.node import Node
from controller.sections import Plc, Scanner
from controller.uplink import Options, files_of, options_of
from devices import links
from devices.driver import SpeaksMqtt
from devices.links import OnBroker
from devices.types import Message


def same(port: str, before: Config, after: Config) -> bool:
    """Whether a port and what hangs on it are what they were, so that it may stay open. Not a broker: what a device
    says and hears there belongs to its connection."""
    devices = [{**config.scanner, **config.plc} for config in (before, after)]
    old, new = (machines.get(port) for machines in devices)
    if old is None or new is None or (old.kind, old.link) != (new.kind, new.link):
        return False
    return links.parse(new.link).transport != "mqtt"


def on_broker(config: Config, name: str, device: Scanner | Plc, driver: SpeaksMqtt) -> OnBroker:
    """For a device on a broker."""
    client = f"floord-{config.site}-{config.node}-{name}"
    return OnBroker(client, driver.subscriptions(), driver.will(), device.username, **files_of(device))


def centre(config: Config, node: Node) -> Options:
    """For the centre's broker. Whether machines are simulated there only a node in production wants to know."""
    will = node.will()
    watched = [(simulators.TOPIC, 0)] if config.mode == "production" else []
    return replace(
        options_of(config),
        subscriptions=[*((topic, 1) for topic in node.subscriptions()), *watched],
        will=Message(will.topic, will.payload, 1, True),
    )
