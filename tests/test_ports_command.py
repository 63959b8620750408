"""`floord ports`: what it lists, over a made-up /sys with pseudo-terminals as ports, and what it hears on one."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
import termios
import tomllib
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from controller.commands import _ports_heard, _ports_list
from controller.commands.ports import command
from controller.port_holders import holders
from devices import serial_ports
from devices.links import PORT_KEYS
from tests.made_ports import Machine

FRAME = b"\x02RB123456785GB\x03"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(serial_ports, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    return Machine(tmp_path)


@pytest.fixture
def pair() -> Iterator[tuple[int, str]]:
    """The far end of a port, and the port's path."""
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    path = os.ttyname(slave)
    os.close(slave)
    yield master, path
    os.close(master)


def listed(*more: str) -> tuple[int, list[str]]:
    done = CliRunner(env={"COLUMNS": "300", "FLOORD_FLOOR": ""}).invoke(command, list(more))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output.splitlines()


def plugged(machine: Machine, name: str, path: str) -> None:
    (machine.root / "dev" / name).symlink_to(path)


def test_a_machine_without_ports_says_so(machine: Machine) -> None:
    code, rows = listed()
    assert code == 1
    assert rows[0].startswith("This machine has no serial ports")
    code, rows = listed("--json")
    assert json.loads("\n".join(rows)) == {"ports": [], "missing": []}


def test_ports_are_listed_with_name_holder_and_device(machine: Machine, pair: tuple[int, str]) -> None:
    _, path = pair
    machine.usb("ttyUSB0", "1-1", "0403:6001", serial="A9", product="FT232R", maker="FTDI")
    plugged(machine, "ttyUSB0", path)
    by_id = f"{machine.root}/dev/serial/by-id/usb-0403_6001_A9-if00-port0"
    (machine.root / "floor.toml").write_text(
        f'[scanner.tunnel-1]\nkind = "line"\nlink = "serial://{by_id}?baud=115200"\n'
        '[scanner.dock-1]\nkind = "line"\nlink = "usb://ffff:0001:gone"\n'
        '[scanner.dock-2]\nkind = "line"\nlink = "tcp://10.0.0.1:2112"\n'
    )
    code, rows = listed()
    assert code == 0
    assert rows[0] == f"{machine.root}/dev/ttyUSB0  FTDI FT232R, 0403:6001, serial A9, made_sio"
    assert rows[1] == f'    link = "serial://{by_id}?baud=9600"'
    assert "    is scanner.tunnel-1" in rows
    assert "not there: scanner.dock-1 wants usb://ffff:0001:gone" in rows
    with holding(path, flock=False) as pid:
        entry = json.loads("\n".join(listed("--json")[1]))["ports"][0]
        assert entry["held_by"] == [{"pid": pid, "name": entry["held_by"][0]["name"], "locks": False, "far_end": False}]
        assert entry["used_by"] == ["scanner.tunnel-1"]
        assert any(f"(pid {pid})" in row for row in listed()[1])


def test_a_link_is_never_broken_over_two_rows(machine: Machine) -> None:
    machine.usb("ttyUSB0", "1-1", "0403:6001", serial="A9" * 20, product="A long name " * 4, maker="Maker")
    done = CliRunner(env={"COLUMNS": "60"}).invoke(command, [])
    links = [row for row in done.output.splitlines() if "link = " in row]
    assert len(links) == 1
    assert tomllib.loads(links[0])["link"].endswith("-if00-port0?baud=9600")


def test_two_adapters_of_one_name_get_the_names_of_their_sockets(machine: Machine) -> None:
    for number in (0, 1):
        machine.usb(f"ttyUSB{number}", f"1-{number + 1}", "1a86:7523")
    _, rows = listed("--json")
    found = json.loads("\n".join(rows))["ports"]
    assert [Path(one["link"]).parent.name for one in found] == ["by-path", "by-path"]
    assert [one["shared_name"] for one in found] == [False, True]


def test_what_an_adapter_calls_itself_cannot_reach_the_terminal(machine: Machine) -> None:
    machine.usb("ttyUSB0", "1-1", "0403:6001", serial="A\x1b[2J", product="x\x07\x9b31m\u202e")
    for more in ((), ("--json",)):
        text = "\n".join(listed(*more)[1])
        assert "\x1b" not in text
        assert all(one.isprintable() or one == "\n" for one in text)


def test_a_port_that_is_not_ours_says_which_group_to_join() -> None:
    entry: dict[str, Any] = dict.fromkeys(("manufacturer", "product", "vid", "pid", "serial", "interface"), "")
    entry |= {"path": "/dev/ttyS0", "driver": "8250", "link": "serial:///dev/ttyS0", "shared_name": False}
    entry |= {"held_by": [], "used_by": [], "permission": False, "group": "dialout"}
    assert "sudo usermod -aG dialout" in " ".join(_ports_list.shown([entry], []))
    assert "udev rule" in " ".join(_ports_list.shown([entry | {"group": "root"}], []))


# --- who holds a port ------------------------------------------------------------------------------------------------


class holding:
    """Another process that has a port open."""

    def __init__(self, path: str, flock: bool) -> None:
        lock = "fcntl.flock(fd, fcntl.LOCK_EX);" if flock else ""
        self._code = f"import fcntl, os, sys; fd = os.open({path!r}, os.O_RDWR | os.O_NOCTTY); {lock} print(); "
        self._code += "sys.stdout.flush(); sys.stdin.read()"

    def __enter__(self) -> int:
        both = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen((sys.executable, "-c", self._code), **both)  # type: ignore[call-overload]
        self._process.stdout.readline()
        return int(self._process.pid)

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=30)


def test_who_has_a_port_open_and_who_locks_it_is_found(pair: tuple[int, str]) -> None:
    _, path = pair
    assert holders([path]) == {path: []}
    with holding(path, flock=False) as pid:
        assert [(one.pid, one.locks) for one in holders([path])[path]] == [(pid, False)]
    with holding(path, flock=True) as pid:
        assert [(one.pid, one.locks) for one in holders([path])[path]] == [(pid, True)]
    ours = os.open(path, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(ours, fcntl.LOCK_EX)
    assert holders([path]) == {path: []}  # we are not in our own way
    os.close(ours)


def simulated(folder: Path) -> subprocess.Popen[bytes]:
    """floorsim with a scanner that shows signs of life on a pty, ready."""
    floor = folder / "floor.toml"
    floor.write_text(
        f'[point.DESK]\nkind = "presence"\n[scanner.hand]\nkind = "line"\nlink = "serial://{folder}/hand?baud=9600"\n'
        f'point = "DESK"\n[stub.hand]\nkind = "line"\nlink = "pty://{folder}/hand"\npoint = "DESK"\n'
        'heartbeat = "HB"\nheartbeat_s = 0.05\nprefix = "\\u0002"\nsuffix = "\\u0003"\n'
    )
    command = [sys.executable, "-m", "firmware_stubs", "run", str(floor), "--ledger", "-"]
    both = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    child = subprocess.Popen(command, cwd=Path(__file__).parents[1], **both)  # type: ignore[call-overload]
    child.stdout.readline()
    return child  # type: ignore[no-any-return]


def test_the_pty_of_a_stub_is_listed_and_can_be_listened_to(machine: Machine) -> None:
    """Its process has this end open, so that the pty lives; who reads there is still in the way."""
    with simulated(machine.root) as child:
        try:
            path = str(machine.root / "hand")
            entry = json.loads("\n".join(listed("--floor", "floor.toml", "--json")[1]))["ports"][0]
            assert (entry["path"], entry["driver"], entry["used_by"]) == (path, "pty", ["scanner.hand"])
            assert entry["link"] == f"serial://{path}"
            assert [(one["pid"], one["far_end"]) for one in entry["held_by"]] == [(child.pid, True)]
            row = "\n".join(listed("--floor", "floor.toml")[1])
            assert re.search(rf"is scanner.hand; the other end is \S+ \(pid {child.pid}\)", row)
            assert "not there" not in row
            code, rows = listed("--listen", path, "--seconds", "0.4")
            assert code == 0, rows
            assert any("\\x02HB\\x03" in one for one in rows), rows
            for flock in (False, True):
                with holding(path, flock) as pid:
                    code, rows = listed("--listen", path)
                    assert (code, f"(pid {pid})" in rows[0], f"(pid {child.pid})" in rows[0]) == (69, True, False)
        finally:
            child.kill()


# --- listening -------------------------------------------------------------------------------------------------------


def listened(master: int, path: str, data: bytes, *more: str) -> tuple[int, str]:
    """The command in a process of its own, while `data` comes again and again. It must write nothing."""
    said = (sys.executable, "-m", "controller", "ports", "--listen", path, "--seconds", "0.4", *more)
    process = subprocess.Popen(said, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    while True:
        try:
            os.write(master, data)
        except BlockingIOError:
            pass  # nobody reads yet
        try:
            out, _ = process.communicate(timeout=0.02)
            break
        except subprocess.TimeoutExpired:
            continue
    with pytest.raises(OSError):  # nothing there; EIO because nobody has the port open now
        os.read(master, 100)
    return process.returncode, out.decode()


def test_a_scanner_is_heard_and_told(pair: tuple[int, str]) -> None:
    code, out = listened(*pair, FRAME, "--json")
    answer = json.loads(out)
    assert code == 0
    assert FRAME.hex() in answer["hex"]
    assert answer["sure"] == "likely"
    assert {"kind": "line", "settings": {"prefix": "\x02", "suffix": "\x03"}}.items() <= next(
        one for one in answer["guesses"] if one["kind"] == "line"
    ).items()


def test_nothing_of_what_comes_reaches_the_terminal(pair: tuple[int, str]) -> None:
    code, out = listened(*pair, b"\x1b]0;evil\x07\x9b31m\\\r\n\x00\xff")
    assert code == 1
    assert all(one.isprintable() or one == "\n" for one in out)
    assert "1b 5d 30 3b 65 76 69 6c  \\x1b]0;evil" in out
    assert all(len(row) < 80 for row in out.splitlines())


def test_a_port_that_somebody_holds_is_refused_and_left_as_it_is(pair: tuple[int, str]) -> None:
    _, path = pair
    with holding(path, flock=False) as pid:
        ours = os.open(path, os.O_RDWR | os.O_NOCTTY)
        before = termios.tcgetattr(ours)
        code, rows = listed("--listen", f"{path}?baud=57600")
        assert code == 69
        assert f"(pid {pid})" in rows[0]
        assert termios.tcgetattr(ours) == before
        os.close(ours)


@pytest.mark.parametrize(
    ("port", "code", "words"),
    [
        ("tcp://10.0.0.1:5", 2, "only a port of this machine"),
        ("rfc2217://10.0.0.1:5", 2, "only a port of this machine"),
        ("/dev/null?baud=x", 2, "from 50 to 4000000"),
        ("/dev/nothing-here", 69, "not there"),
        ("file", 69, "not a serial port"),
        ("usb://ffff:0001:none", 69, "not there"),
    ],
)
def test_what_cannot_be_listened_to_is_said(port: str, code: int, words: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done, rows = listed("--listen", port if ":" in port or port.startswith("/") else f"{tmp_path}/{port}")
    assert done == code
    assert words in " ".join(rows)


def test_every_byte_is_shown_so_that_it_can_be_read_back() -> None:
    text = _ports_heard.text_of(bytes(range(256)))
    assert text.isprintable()
    assert text.encode().decode("unicode_escape").encode("latin-1") == bytes(range(256))


def test_the_manual_names_every_setting_and_no_other() -> None:
    text = (Path(__file__).parents[1] / "docs/serial.md").read_text()
    table = text.split("## Line settings")[1].split("##")[0]
    named = [key for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for key in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(PORT_KEYS)
