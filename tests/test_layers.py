"""The layout holds, and each of its rules can see a breach."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from tests import layers

ROOT = Path(__file__).parents[1]
PROJECT = layers.project(ROOT)

BREACHES = [
    (layers.devices_know_only_machines, "devices/framing.py", "import controller.events"),
    (layers.devices_know_only_machines, "devices/plcs/telegram.py", "from firmware_stubs import stub"),
    (
        layers.devices_know_only_machines,
        "devices/driver.py",
        "import importlib\nimportlib.import_module('controller.node')",
    ),
    (layers.stubs_stand_alone, "firmware_stubs/scanners/line.py", "from devices.framing import Delimited"),
    (layers.stubs_stand_alone, "firmware_stubs/commands/run.py", "def f():\n    from controller import config"),
    (layers.controller_knows_no_stub, "controller/demo.py", "if 1:\n    import firmware_stubs.belt"),
    (layers.controller_knows_no_stub, "controller/demo.py", "__import__(f'firmware_stubs.{kind}')"),
    (layers.nothing_imports_tests, "controller/demo.py", "from tests import layers"),
    (layers.a_driver_stands_alone, "devices/scanners/line.py", "from devices import tcp_link"),
    (layers.a_driver_stands_alone, "devices/scanners/line.py", "from . import sick_cola"),
    (layers.a_driver_stands_alone, "devices/plcs/telegram.py", "from ..scanners.line import Driver"),
    (layers.pure_modules_touch_nothing, "devices/scanners/line.py", "import time"),
    (layers.pure_modules_touch_nothing, "devices/framing.py", "from os import read"),
    (layers.pure_modules_touch_nothing, "devices/types.py", "import socket"),
    (layers.pure_modules_touch_nothing, "devices/driver.py", "import serial.tools"),
    (layers.pure_modules_touch_nothing, "controller/node.py", "import asyncio"),
    (layers.pure_modules_touch_nothing, "controller/floor.py", "import sqlite3"),
    (layers.pure_modules_touch_nothing, "controller/customs.py", "from time import monotonic"),
    (layers.pure_modules_touch_nothing, "controller/events.py", "import paho.mqtt.client"),
    (layers.pure_modules_touch_nothing, "controller/plan.py", "import threading"),
    (layers.pure_modules_touch_nothing, "controller/never_seen_before.py", "import os.path"),
    (layers.pure_modules_touch_nothing, "controller/view/board.py", "from textual.app import App"),
    (layers.pure_modules_touch_nothing, "controller/view/board.py", "from controller.view import interface"),
    (layers.pure_modules_touch_nothing, "controller/node.py", "from controller import journal"),
    (layers.pure_modules_touch_nothing, "controller/node.py", "from controller.daemon import main"),
    (layers.pure_modules_touch_nothing, "controller/outbox.py", "from devices.tcp_link import TcpLink"),
    (layers.pure_modules_touch_nothing, "firmware_stubs/plcs/telegram.py", "import time"),
    (
        layers.pure_modules_are_given_time_and_chance,
        "controller/promise.py",
        "import datetime\ndatetime.datetime.now()",
    ),
    (layers.pure_modules_are_given_time_and_chance, "controller/plan.py", "from datetime import date\ndate.today()"),
    (layers.pure_modules_are_given_time_and_chance, "controller/events.py", "import uuid\nuuid.uuid4()"),
    (layers.pure_modules_are_given_time_and_chance, "controller/lanes.py", "import random\nrandom.random()"),
    (layers.pure_modules_are_given_time_and_chance, "firmware_stubs/belt.py", "from random import choice"),
    (layers.tasks_have_three_owners, "controller/control.py", "import asyncio\nasyncio.create_task(f())"),
    (layers.tasks_have_three_owners, "controller/uplink.py", "from asyncio import TaskGroup as Group"),
    (layers.tasks_have_three_owners, "devices/serial_link.py", "def f(loop):\n    loop.create_task(g())"),
    (layers.tasks_have_three_owners, "firmware_stubs/commands/run.py", "from asyncio import *\nensure_future(f())"),
    (layers.not_too_long, "controller/node.py", "x = 1\n" * 401),
]

ALLOWED = [
    ("devices/serial_link.py", "import asyncio, os, serial, socket, time"),
    (
        "devices/scanners/line.py",
        "from devices.framing import Delimited\nfrom ..types import Read\nfrom devices import driver",
    ),
    ("devices/plcs/telegram.py", "from devices.plcs import _telegram_codec\nfrom ._messages import INDU"),
    ("controller/floor.py", "from controller.config import Config\nfrom controller import config_checks"),
    ("controller/journal.py", "import sqlite3, threading, time"),
    ("controller/commands/run.py", "from controller import daemon\nimport os"),
    ("controller/node.py", "from random import Random\nfrom datetime import datetime\nimport devices.driver"),
    ("controller/daemon.py", "import asyncio, time\nasyncio.create_task(f())"),
    ("firmware_stubs/belt.py", "import random\nrng = random.Random(7)\nx = rng.random()"),
    ("firmware_stubs/serve.py", "import asyncio, os, pty, time\nasyncio.TaskGroup()"),
    ("tests/sim/hub.py", "import controller.node, firmware_stubs.belt, devices.types, time"),
    ("controller/node.py", "x = 1\n" * 400),
    ("tests/test_node.py", "x = 1\n" * 401),
    ("controller/config_links.py", "import os\nfrom devices import links"),
    ("devices/links.py", "def f():\n    from devices import tcp_link"),
]


@pytest.mark.parametrize("rule", layers.RULES, ids=lambda rule: rule.__name__)
def test_project_keeps_the_rule(rule: layers.Rule) -> None:
    assert [complaint for module in PROJECT for complaint in rule(module)] == []


@pytest.mark.parametrize(("rule", "path", "text"), BREACHES)
def test_a_breach_is_seen(rule: layers.Rule, path: str, text: str) -> None:
    assert len(rule(layers.parse(path, text))) == 1


@pytest.mark.parametrize(("path", "text"), ALLOWED)
def test_what_is_allowed_passes(path: str, text: str) -> None:
    module = layers.parse(path, text)
    assert [complaint for rule in layers.RULES for complaint in rule(module)] == []


def test_every_rule_has_a_breach() -> None:
    assert {rule for rule, _, _ in BREACHES} == set(layers.RULES)


def test_the_whole_project_is_read() -> None:
    seen = {module.path for module in PROJECT}
    assert {"controller/__main__.py", "devices/types.py", "firmware_stubs/stub.py", "tests/layers.py"} <= seen


@pytest.mark.filterwarnings("default")
def test_long_modules_are_reported() -> None:
    lengths = {module.path: layers.length(module) for module in PROJECT if module.package in layers.CODE}
    long = [f"{path} ({lines})" for path, lines in lengths.items() if lines > layers.REPORTED]
    if long:
        warnings.warn(f"aim under {layers.REPORTED} lines: {', '.join(long)}", stacklevel=1)
