"""How the brokers of a floor file are reached: the centre's, and those on which machines are."""

from __future__ import annotations

from controller.config import Config
from controller.node import Node
from controller.sections import Plc, Scanner
from controller.uplink import Options
from devices.driver import SpeaksMqtt
from devices.links import OnBroker
from devices.types import Message


def on_broker(config: Config, name: str, device: Scanner | Plc, driver: SpeaksMqtt) -> OnBroker:
    """For a device on a broker. Reads its password file."""
    password = device.password_file.read_text().strip() if device.password_file else None
    return OnBroker(
        f"floord-{config.site}-{config.node}-{name}",
        driver.subscriptions(),
        driver.will(),
        username=device.username,
        password=password,
        ca_file=str(device.ca_file) if device.ca_file else None,
    )


def centre(config: Config, node: Node) -> Options:
    """For the centre's broker. Reads its password file."""
    will = node.will()
    broker = config.broker
    password = broker.password_file.read_text().strip() if broker.password_file else None
    return Options(
        broker.url,
        f"floord-{config.site}-{config.node}",
        username=broker.username,
        password=password,
        ca_file=str(broker.ca_file) if broker.ca_file else None,
        keepalive_s=broker.keepalive_s,
        subscriptions=[(topic, 1) for topic in node.subscriptions()],
        will=Message(will.topic, will.payload, 1, True),
    )
