"""`floorsim device`: one stub alone, what it prints, what floord needs for it; foreign programs at its other end."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from click.testing import CliRunner, Result
from pymodbus.client import ModbusSerialClient, ModbusTcpClient

from controller import broker
from controller.config import read as read_floord
from firmware_stubs import floor_file, lone_device, serve
from firmware_stubs.commands.device import command
from firmware_stubs.sections import FloorError
from firmware_stubs.stub import Message
from firmware_stubs.wire_print import Seen, as_json, rows

PATIENCE_S = 20
HEAD = """site = "lgg"
node = "n"
mode = "test"
state_dir = "state"
plan = "plan.toml"
[broker]
url = "mqtt://127.0.0.1:1"
"""
READERS = "datalogic dataman honeywell keyence_sr line mqtt_scan sick_cola zebra_fx zebra_ssi cubiscan mda".split()
PLCS = "telegram modbus mqtt_json".split()


def link(kind: str) -> str:
    return "mqtt://127.0.0.1:1883" if kind in ("mqtt_scan", "zebra_fx", "mqtt_json") else "pty:///tmp/there"


# -- what it is made of


@pytest.mark.parametrize("kind", [*READERS, *PLCS])
def test_what_it_prints_for_floord_is_what_floord_takes(kind: str, tmp_path: Path) -> None:
    document = lone_device.made(kind, link(kind), {})
    assert [stub.name for stub in floor_file.read(document).stubs] == [f"{kind.replace('_', '-')}-1"]
    sections = lone_device.floord_sections(document, kind, built_in=True)
    if kind in READERS:  # a floor has a line
        around = lone_device.made("telegram", "pty:///tmp/plc", {})
        sections += lone_device.floord_sections(around, "telegram", built_in=True)
    (tmp_path / "floor.toml").write_text(HEAD + sections)
    floor = read_floord(tmp_path / "floor.toml")
    assert [str(problem) for problem in floor.sheet.problems if problem.key != "plan"] == []


def test_what_both_sides_must_be_set_to_is_printed_as_it_was_set() -> None:
    document = lone_device.made("line", "tcp-listen://127.0.0.1:9", {"suffix": "\r\n", "no_read": "?", "delay_ms": 5.0})
    assert lone_device.floord_sections(document, "line", built_in=False) == (
        '[scanner.line-1]\nkind = "line"\nlink = "tcp://127.0.0.1:9"\npoint = "DESK"\n'
        'prefix = "\\u0002"\nsuffix = "\\r\\n"\nno_read = ["?"]\n'
    )


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("pty:///tmp/a", "serial:///tmp/a"),
        ("serial:///dev/ttyUSB0?baud=9600", "serial:///dev/serial/by-id/…?baud=9600"),
        ("tcp://h:1", "tcp-listen://h:1"),
        ("rfc2217-listen://h:1", "rfc2217://h:1"),
        ("mqtt://h:1", "mqtt://h:1"),
    ],
)
def test_the_other_end_of_each_link(ours: str, theirs: str) -> None:
    assert lone_device.host_link(ours) == theirs


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("suffix=\\r", "\\r"),
        ('suffix="\\r"', "\r"),
        ("no_read=", ""),
        ("delay_ms=20", 20),
        ("index_digits = 4", 4),
    ],
)
def test_a_setting_has_the_type_that_the_stub_wants(text: str, value: object) -> None:
    key, found = lone_device.setting(text, "line")
    assert (key, found) == (text.partition("=")[0].strip(), value)
    assert floor_file.read(lone_device.made("line", "pty:///x", {key: found}))


@pytest.mark.parametrize(
    ("kind", "text", "complaint"),
    [
        ("line", "sufix=x", r"\[--set\] sufix: unknown key; did you mean 'suffix'\?"),
        ("line", "suffix", "suffix: write key=value"),
        ("line", "delay_ms=long", "delay_ms: 'long' is no value of TOML"),
        ("line", "delay_ms=true", r"\[stub.line-1\] delay_ms: must be float, not True"),
        ("line", "heartbeat_s=0", r"\[stub.line-1\] heartbeat_s must be from 0.001"),
        ("telegram", "epoch=0", r"\[stub.telegram-1\] epoch = 0"),
        ("lin", "x=1", "no kind of stub is called 'lin'; did you mean 'line'?"),
    ],
)
def test_a_setting_that_cannot_be_is_named(kind: str, text: str, complaint: str) -> None:
    with pytest.raises(FloorError, match=complaint):
        floor_file.read(lone_device.made(kind, link(kind), dict([lone_device.setting(text, kind)])))


def test_a_stub_is_taken_out_of_a_floor_file_a_plc_with_its_line() -> None:
    document = lone_device.made("telegram", "pty:///plc", {"next_track": 7})
    document["stub"]["tunnel"] = {"kind": "line", "link": "pty:///gun", "point": "S1-T1", "suffix": "\r"}
    document["line"]["S2"] = document["line"]["S1"]
    document["induction"]["S1"] |= {"mix": "gone", "gap_mm": 50.0}
    alone = lone_device.taken_out(document, "telegram-1", "tcp-listen://127.0.0.1:0", {})
    floor = floor_file.read(alone)
    assert (list(floor.lines), [stub.link for stub in floor.stubs]) == (["S1"], ["tcp-listen://127.0.0.1:0"])
    assert floor.stubs[0].settings.next_track == 7
    assert floor.lines["S1"].inductions["S1"].gap_mm == 50.0
    (reader,) = floor_file.read(lone_device.taken_out(document, "tunnel", None, {"no_read": "?"})).stubs
    assert (reader.link, reader.settings.suffix, reader.settings.no_read) == ("pty:///gun", "\r", "?")
    with pytest.raises(FloorError, match=r"--stub: no stub is called 'tunel'; did you mean 'tunnel'\?"):
        lone_device.taken_out(document, "tunel", None, {})


def test_how_it_is_shown() -> None:
    said = Seen("gun", 0.0, "says", b"\x02RB123456785GB\r\n+")
    assert rows(said, "12:00:00.000") == [
        "12:00:00.000 > 02 52 42 31 32 33 34 35 36 37 38 35 47 42 0D 0A .RB123456785GB..",
        "             > 2B                                              +",
    ]
    assert max(map(len, rows(said, "12:00:00.000"))) < 80
    assert rows(Seen("gun", 0.0, "lost"), "12:00:00.000") == ["12:00:00.000 ! nobody took it"]
    assert rows(Seen("gun", 0.0, "gone"), "12:00:00.000") == ["12:00:00.000 = the connection is gone"]
    message = Seen("gun", 0.0, "hears", Message("a/down", b'{"v":1}\xff', retain=True))
    assert rows(message, "12:00:00.000") == ['12:00:00.000 < a/down (retained)  {"v":1}\\xff']
    assert as_json(message, "t")["payload_hex"] == b'{"v":1}\xff'.hex()


# -- the command


class Device:
    """`floorsim device` as a process; what it prints as JSON."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.seen: list[dict[str, Any]] = []
        assert process.stdout is not None
        self._lines: IO[bytes] = process.stdout

    def until(self, found: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next line for which this is so; the run is bounded from outside."""
        for line in self._lines:
            self.seen.append(json.loads(line))
            if found(self.seen[-1]):
                return self.seen[-1]
        raise AssertionError(f"it has ended; it printed {self.seen}")

    def type(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()


def floorsim(*words: str) -> list[str]:
    return [sys.executable, "-m", "firmware_stubs", "device", *words]


@contextlib.contextmanager
def device(*words: str) -> Iterator[Device]:
    """It runs until the end, and ends well at Ctrl-C."""
    pipe = subprocess.PIPE
    with subprocess.Popen(floorsim(*words, "--json"), stdin=pipe, stdout=pipe, bufsize=0) as process:
        try:
            yield Device(process)
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()


def published(path: Path) -> Path:
    """A pty of a process that has just been started."""
    end = time.monotonic() + PATIENCE_S
    while not path.is_symlink():
        assert time.monotonic() < end, "it is not there"
        os.sched_yield()
    return path


def test_codes_given_and_typed_are_said_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    with device("line", "FIRST", "--link", f"pty://{tmp_path}/gun", "--set", 'suffix="\\r\\n"') as gun:
        assert 'prefix = "\\u0002"' in gun.until(lambda seen: "floord" in seen)["floord"]
        assert gun.until(lambda seen: seen["what"] == "says")["text"] == ".FIRST.."
        gun.type("A\tB\n\n")
        assert gun.until(lambda seen: seen["what"] == "says")["text"] == ".A...B.."
        assert gun.until(lambda seen: seen["what"] == "says")["text"] == ".NoRead.."
    assert not (tmp_path / "gun").is_symlink()


def invoked(*words: str) -> Result:
    """In this process: a run that ends by itself, or does not begin."""
    return CliRunner().invoke(command, [*words])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--code", "A", "--code", "B", "--count", "3"), [".A.", ".B.", ".A."]),
        (("--mix", "--count", "3"), None),
    ],
)
def test_a_mix_and_codes_in_turn_come_so_often_and_so_many(
    more: tuple[str, ...], said: list[str] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "LINGER_S", 0.0)
    done = invoked("line", "--link", f"pty://{tmp_path}/gun", "--json", "--every", "0.01", *more)
    assert done.exit_code == 0, done.output
    seen = [json.loads(line) for line in done.stdout.splitlines()[1:]]
    assert [one["what"] for one in seen] == ["says"] * 3
    if said:
        assert [one["text"] for one in seen] == said


def test_parcels_come_onto_the_belt_of_a_plc_that_nobody_speaks_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "LINGER_S", 0.0)
    document = lone_device.made("telegram", "pty:///x", {})
    document["line"]["S1"]["speed_mm_s"] = 100_000
    (tmp_path / "floor.toml").write_text(
        "".join(
            f"[{table}.{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in section.items())
            for table, sections in document.items()
            for name, section in sections.items()
        )
    )
    taken = ("--floor", str(tmp_path / "floor.toml"), "--stub", "telegram-1", "--link", f"pty://{tmp_path}/plc")
    done = invoked(*taken, "--every", "0.05", "--count", "2", "--no-wait")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("# for the floor file of floord:\n[plc.telegram-1]\n")


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (("line",), 2, "write a KIND and a --link"),
        (("line", "--link", "pty:///x", "--mix"), 2, "--mix goes with --every S"),
        (("line", "A", "--link", "pty:///x", "--mix", "--every", "1"), 2, "--mix draws the codes"),
        (("telegram", "A", "--link", "pty:///x"), 2, "telegram is a PLC, which reads no codes"),
        (("line", "--link", "pty:///x", "--floor", "f.toml"), 2, "--floor and --stub go together"),
        (("line", "--link", "mqtt://127.0.0.1:1"), 78, "give a cable"),
        (("mqtt_scan", "--link", "mqtt://broker.example:1883"), 69, "a broker on another machine is simulated at only"),
        (("line", "--link", "tcp://10.0.0.5:2112"), 69, "a controller on another machine is simulated at only"),
        (("line", "--link", "serial:///dev/ttyS0"), 69, "a real port is simulated on only with --real"),
        (("line", "--link", "/tmp/x"), 69, "/tmp/x: give pty:///absolute/path"),
        (("line", "--link", "pty://x"), 69, "pty://x: give pty:///absolute/path"),
        (("centre", "--link", "mqtt://127.0.0.1:1", "--set", "site=lgg"), 78, "centre is no machine"),
    ],
)
def test_what_cannot_be_is_said(words: tuple[str, ...], code: int, complaint: str) -> None:
    done = invoked(*words)
    assert (done.exit_code, complaint in " ".join(done.output.split())) == (code, True), done.output
    assert done.stdout == "", "the error says all"


# -- foreign programs


def test_miniterm_of_pyserial_hears_a_line_scanner_and_is_heard(tmp_path: Path) -> None:
    with device("line", "--link", f"pty://{tmp_path}/gun") as gun:
        port = published(tmp_path / "gun")
        screen, terminal = pty.openpty()
        words = [sys.executable, "-m", "serial.tools.miniterm", "--raw", str(port), "9600"]
        with subprocess.Popen(words, stdin=terminal, stdout=terminal, stderr=terminal) as miniterm:
            os.close(terminal)
            try:
                shown = _read_until(screen, b"Menu:")
                gun.type("RB123456785GB\n")
                _read_until(screen, b"RB123456785GB", shown)
                os.write(screen, b"T")
                assert gun.until(lambda seen: seen.get("what") == "hears")["text"] == "T"
                os.write(screen, b"\x1d")  # Ctrl-]
                assert miniterm.wait(PATIENCE_S) == 0
            finally:
                miniterm.kill()
                os.close(screen)


def _read_until(screen: int, wanted: bytes, shown: bytes = b"") -> bytes:
    end = time.monotonic() + PATIENCE_S
    while wanted not in shown:
        assert select.select([screen], [], [], end - time.monotonic())[0], shown
        shown += os.read(screen, 4096)
    return shown


def test_pymodbus_reads_a_plc_over_its_serial_line_and_over_tcp(tmp_path: Path) -> None:
    number = broker.free_port()
    for where in (f"pty://{tmp_path}/plc", f"tcp-listen://127.0.0.1:{number}"):
        with device("modbus", "--link", where, "--set", "epoch=4711") as plc:
            client: ModbusSerialClient | ModbusTcpClient
            if where.startswith("pty:"):
                client = ModbusSerialClient(str(published(tmp_path / "plc")), baudrate=115_200)
            else:
                client = ModbusTcpClient("127.0.0.1", port=number)
            _connect(client)
            try:
                answer = client.read_holding_registers(1, count=1, device_id=1)  # PLC interface v1 §4 "1 epoch"
                assert answer.registers == [4711]
                asked = plc.until(lambda seen: seen.get("what") == "hears")["hex"]
                assert re.search("0103000100 01".replace(" ", ""), asked)
                assert "1267" in plc.until(lambda seen: seen.get("what") == "says")["hex"]
            finally:
                client.close()  # type: ignore[no-untyped-call]


def _connect(client: ModbusSerialClient | ModbusTcpClient) -> None:
    end = time.monotonic() + PATIENCE_S
    while not client.connect():
        assert time.monotonic() < end, "it does not listen"


def test_mosquitto_tools_hear_a_handheld_and_answer_it(tmp_path: Path) -> None:
    missing = [name for name in ("mosquitto_pub", "mosquitto_sub") if not shutil.which(name)]
    if missing:
        pytest.skip(f"{' and '.join(missing)} missing: install mosquitto-clients")
    with broker.start_nats(tmp_path) as child:
        where = ("-h", "127.0.0.1", "-p", str(child.port))
        listening = ["mosquitto_sub", *where, "-t", "handheld/HT-01/#", "-v"]
        with (
            subprocess.Popen(listening, stdout=subprocess.PIPE) as sub,
            device("mqtt_scan", "--link", f"mqtt://127.0.0.1:{child.port}", "--no-wait") as gun,
        ):
            assert sub.stdout is not None
            try:
                gun.until(lambda seen: seen.get("what") == "says")
                gun.type("RB123456785GB\n")
                for line in sub.stdout:
                    topic, _, text = line.decode().partition(" ")
                    if topic == "handheld/HT-01/scan":
                        break
                scan = json.loads(text)
                assert scan["code"] == "RB123456785GB"
                answer = json.dumps({"scan": scan["scan"], "verdict": "accept", "text": "S1-L01"})
                words = ["mosquitto_pub", *where, "-t", "handheld/HT-01/answer", "-m", answer, "-q", "1"]
                subprocess.run(words, check=True, timeout=PATIENCE_S)
                heard = gun.until(lambda seen: seen.get("what") == "hears" and seen["topic"].endswith("answer"))
                assert bytes.fromhex(heard["payload_hex"]).decode() == answer
            finally:
                sub.kill()
