"""The view as a person uses it: keys in, screens out, requests to the simulator."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from controller.__main__ import main
from controller.view.interface import Interface, InterfaceError
from controller.view.places import floor_files, folder_of, state_dirs
from tests.view_app import press, screen, until, viewing
from tests.view_fake import FakeSimulator, loop, plant, standing, state

SIZES = [(80, 24), (160, 50)]


def two(**changes: Any) -> FakeSimulator:
    floor = plant()
    return FakeSimulator(floor, state(floor, **changes))


def stopped() -> FakeSimulator:
    fake = two(faults=[standing("3", "estop", "S2"), standing("4", "loss", "plc-1")])
    fake.state["lines"]["S2"] |= {"state": "estop", "speed_mm_s": 0}
    return fake


@pytest.mark.parametrize("size", SIZES)
def test_which_line_stands_and_why_is_on_the_first_screen(tmp_path: Path, size: tuple[int, int]) -> None:
    async def look() -> None:
        async with viewing(tmp_path, stopped(), size) as (view, _):
            rows = screen(view)
            assert len(rows) == size[1]
            assert rows[2].startswith(" ■ S2 EMERGENCY STOP ")
            assert any(row.startswith(" S2 ■ EMERGENCY STOP: estop, ends in 24 s") for row in rows)
            assert any(row.lstrip().startswith("! estop S2  ends in 24 s") or "! estop S2" in row for row in rows)
            assert rows[-1].startswith(" ? help")

    asyncio.run(look())


@pytest.mark.parametrize("size", SIZES)
def test_panes_by_number(tmp_path: Path, size: tuple[int, int]) -> None:
    async def look() -> None:
        async with viewing(tmp_path, stopped(), size) as (view, pilot):
            marks = {"1": " S1 ► 2.50 m/s", "2": "command DEST", "3": "+ ok    tunnel-1", "4": "last events"}
            for key, mark in marks.items():
                await press(pilot, key)
                shown = "\n".join(screen(view))
                assert mark in shown
                others = [other for other in marks.values() if other != mark and other in shown]
                assert others == ([] if size == (80, 24) else [other for other in marks.values() if other != mark])
            await press(pilot, "tab")
            assert view.board.front == "floor"

    asyncio.run(look())


def test_a_large_screen_can_show_one_pane_and_all_again(tmp_path: Path) -> None:
    async def look() -> None:
        async with viewing(tmp_path, two(), (160, 50)) as (view, pilot):
            await press(pilot, "2", "z")
            assert " S1 ►" not in "\n".join(screen(view))
            await press(pilot, "z")
            assert " S1 ►" in "\n".join(screen(view))

    asyncio.run(look())


def test_a_loop_is_seen_at_both_sizes(tmp_path: Path) -> None:
    async def look(size: tuple[int, int]) -> None:
        floor = loop()
        async with viewing(tmp_path, FakeSimulator(floor, state(floor)), size) as (view, _):
            ring = [row for row in screen(view) if row.endswith(("┐", "┘"))]
            assert [len(row) for row in ring] == [size[0]] * 2

    for size in SIZES:
        asyncio.run(look(size))


def test_a_shortcut_strikes_what_the_arrows_choose(tmp_path: Path) -> None:
    async def strike() -> None:
        fake = two()
        async with viewing(tmp_path, fake) as (view, pilot):
            await press(pilot, "j", "down")
            assert any("jam S2, ends by itself after 20 s" in row for row in screen(view))
            assert fake.asked == []
            await press(pilot, "enter")
            await until(pilot, lambda: view.board.moment.faults, "the fault stands")
            assert fake.asked == [("POST", "/v1/faults", {"fault": "jam", "target": "S2", "for_s": 20.0})]
            assert any(row.startswith(" ! jam S2  ends in 20 s") for row in screen(view))

    asyncio.run(strike())


def test_a_fault_from_the_menu_and_its_end(tmp_path: Path) -> None:
    async def strike() -> None:
        fake = stopped()
        async with viewing(tmp_path, fake) as (_, pilot):
            await press(pilot, "f", "down", "right", "down", "+", "enter")
            await until(pilot, lambda: len(fake.asked) == 1, "struck")
            assert fake.asked[0] == ("POST", "/v1/faults", {"fault": "estop", "target": "S2", "for_s": 30})
            await press(pilot, "x", "down", "enter")
            await until(pilot, lambda: len(fake.asked) == 2, "ended")
            assert fake.asked[1][:2] == ("DELETE", "/v1/faults/4")
            await press(pilot, "x", "up", "enter")
            await until(pilot, lambda: len(fake.asked) == 3, "all ended")
            assert fake.asked[2][:2] == ("DELETE", "/v1/faults")

    asyncio.run(strike())


def test_escape_strikes_nothing(tmp_path: Path) -> None:
    async def leave() -> None:
        fake = two()
        async with viewing(tmp_path, fake) as (view, pilot):
            await press(pilot, "s", "escape", "f", "escape", "x", "escape", "question_mark", "escape")
            assert fake.asked == []
            assert screen(view)[3].startswith(" S1 ")

    asyncio.run(leave())


def test_what_the_simulator_refuses_is_said(tmp_path: Path) -> None:
    async def strike() -> None:
        fake = two()
        fake.refusal = "a jam stands on S1 already; end it first"
        async with viewing(tmp_path, fake) as (view, pilot):
            await press(pilot, "j", "enter")
            await until(pilot, lambda: "refused: a jam stands on S1 already" in screen(view)[-1], "the refusal")

    asyncio.run(strike())


def test_time_stands_steps_and_goes_on(tmp_path: Path) -> None:
    async def time() -> None:
        fake = two()
        async with viewing(tmp_path, fake) as (view, pilot):
            await press(pilot, "space")
            await until(pilot, lambda: "TIME STANDS" in screen(view)[0], "time stands")
            await press(pilot, "full_stop")
            await until(pilot, lambda: len(fake.asked) == 2, "a step")
            await press(pilot, "space")
            await until(pilot, lambda: "TIME STANDS" not in screen(view)[0], "time goes on")
            assert [body for _, _, body in fake.asked] == [{"do": "pause"}, {"do": "step", "ms": 100}, {"do": "resume"}]

    asyncio.run(time())


def test_the_wire_is_filtered_by_keys(tmp_path: Path) -> None:
    async def look() -> None:
        async with viewing(tmp_path, two()) as (view, pilot):
            await press(pilot, "d", "d")
            assert "only tunnel-1" in screen(view)[3]
            await press(pilot, "c", "exclamation_mark")
            assert sum("garbled" in row for row in screen(view)) == 1
            await press(pilot, "c", "slash", *"arrv", "enter")
            assert len(view.board.log.shown()) == 2
            await press(pilot, "slash", "x", "escape")
            assert len(view.board.log.shown()) == 6
            await press(pilot, "p")
            assert "PAUSED" in screen(view)[3]
            assert view.board.front == "wire"

    asyncio.run(look())


def test_floorsim_may_come_later_go_and_come_back(tmp_path: Path) -> None:
    async def wait() -> None:
        async with viewing(tmp_path) as (view, pilot):
            await until(pilot, lambda: "no floorsim answers at" in "\n".join(screen(view)), "a word about it")
            for _ in range(2):
                async with two().serving(tmp_path / "floorsim.sock"):
                    await until(pilot, lambda: screen(view)[3].startswith(" S1 ►"), "the floor")
                    await until(pilot, lambda: not view.board.why, "no complaint")
                await until(pilot, lambda: "this picture is old" in screen(view)[2], "it is gone")

    asyncio.run(wait())


def test_a_simulator_without_faults_is_no_reason_to_stop(tmp_path: Path) -> None:
    async def look() -> None:
        fake = two()
        fake.kinds = []
        async with viewing(tmp_path, fake) as (view, pilot):
            await press(pilot, "j")
            assert "this floorsim offers no jam" in screen(view)[-1]

    asyncio.run(look())


def test_floord_is_asked_for_its_health_and_its_events(tmp_path: Path) -> None:
    status = {
        "ok": True,
        "node": "demo",
        "broker": {"online": True},
        "customs": {"expected": False, "fresh": False},
        "links": {},
        "lines": {},
        "late": 2,
        "alarms": {"device-tunnel-1": "no heartbeat for 12 s"},
    }
    event = {
        "type": "hubfloor.alarm.raised.v1",
        "subject": "alarm/device-tunnel-1",
        "time": "2026-11-26T16:59:58.000Z",
        "data": {"alarm": "device-tunnel-1", "what": "no heartbeat", "priority": "high"},
    }

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            said = [status] if json.loads(line)["do"] == "status" else [{"ok": True}, event]
            writer.write(b"".join(json.dumps(one).encode() + b"\n" for one in said))
        writer.close()

    async def look() -> None:
        (tmp_path / "state").mkdir()
        (tmp_path / "floor.toml").write_text('state_dir = "state"\n')
        async with viewing(tmp_path, two()) as (view, pilot):
            await until(pilot, lambda: "? floord does not answer" in screen(view)[2], "floord is missing")
            server = await asyncio.start_unix_server(answer, tmp_path / "state" / "control.sock")
            await until(pilot, lambda: "# floord demo: 1 alarm" in screen(view)[2], "its alarm")
            assert "2 late" in screen(view)[1]
            await press(pilot, "4")
            await until(pilot, lambda: "alarm/raised" in "\n".join(screen(view)), "its event")
            assert any(row.startswith(" # device-tunnel-1: no heartbeat for 12 s") for row in screen(view))
            server.close()

    asyncio.run(look())


@pytest.mark.parametrize("shade", ["dark", "light"])
def test_no_color_leaves_only_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shade: str) -> None:
    def colours(view: Any) -> set[str]:
        segments = [one for strip in view.screen._compositor.render_strips(view.size) for one in strip]
        found = {one.style.color for one in segments if one.style} | {
            one.style.bgcolor for one in segments if one.style
        }
        return {colour.name for colour in found if colour is not None and not colour.is_default}

    async def look(colour: bool) -> None:
        async with viewing(tmp_path, stopped(), shade=shade) as (view, pilot):
            assert bool(colours(view)) == colour
            await press(pilot, "t")
            assert bool(colours(view)) == colour
            assert screen(view)[2].startswith(" ■ S2 EMERGENCY STOP")

    asyncio.run(look(True))
    monkeypatch.setenv("NO_COLOR", "1")
    asyncio.run(look(False))


def test_a_strange_simulator_is_told_of_and_borne(tmp_path: Path) -> None:
    async def look() -> None:
        fake = two()
        fake.floor = {"lines": 3}
        async with fake.serving(tmp_path / "floorsim.sock"), viewing(tmp_path) as (view, pilot):
            await until(pilot, lambda: "cannot be read" in view.board.why, "a word about it")

    asyncio.run(look())


def test_an_interface_without_an_answer_says_so(tmp_path: Path) -> None:
    async def ask() -> None:
        async with two().serving(tmp_path / "s"), Interface(tmp_path / "s") as there:
            with pytest.raises(InterfaceError, match="404 Not Found; this floorsim does not offer /v1/nothing"):
                await there._ask("GET", "/v1/nothing")

    asyncio.run(ask())


def test_the_command_needs_textual_and_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    found = CliRunner().invoke(main, ["view"])
    assert found.exit_code == 1
    assert "needs a terminal" in found.output
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    found = CliRunner().invoke(main, ["view"])
    assert "pip install 'hubfloor[view]'" in found.output


def test_the_list_of_commands_loads_no_library_of_the_view() -> None:
    program = "import sys, controller.commands.view; print({'textual', 'aiohttp'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert found.stdout == "set()\n"


@pytest.mark.parametrize("end", [b"q", b"f\x03", signal.SIGTERM], ids=["q", "Ctrl-C in a menu", "SIGTERM"])
def test_at_a_real_terminal_it_draws_and_leaves_the_screen_as_it_was(tmp_path: Path, end: bytes | int) -> None:
    async def run() -> bytes:
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, 80))
        program = [sys.executable, "-m", "controller", "view", "--floor", str(tmp_path)]
        environment = {**os.environ, "TERM": "xterm-256color"}
        ends: dict[str, Any] = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
        terminal = Terminal(ours)
        async with stopped().serving(tmp_path / "floorsim.sock"):
            child = await asyncio.create_subprocess_exec(*program, **ends, env=environment)
            os.close(theirs)
            try:
                await asyncio.wait_for(terminal.seen(b"EMERGENCY STOP"), 60)
                if isinstance(end, bytes):
                    os.write(ours, end)
                else:
                    child.send_signal(end)
                assert await asyncio.wait_for(child.wait(), 60) == 0
            finally:
                if child.returncode is None:
                    child.kill()
                    await child.wait()
                said = terminal.close()
        return said

    said = asyncio.run(run())
    assert b"\x1b[?1049l" in said  # the screen that was there before is back
    assert b"Traceback" not in said


class Terminal:
    """The other end of a pty: takes what is written there."""

    def __init__(self, end: int) -> None:
        self._end = end
        self._said = b""
        self._more = asyncio.Event()
        os.set_blocking(end, False)
        asyncio.get_running_loop().add_reader(end, self._read)

    async def seen(self, text: bytes) -> None:
        """Wait for it."""
        while text not in self._said:
            self._more.clear()
            await self._more.wait()

    def close(self) -> bytes:
        """What was written."""
        asyncio.get_running_loop().remove_reader(self._end)
        self._read()
        os.close(self._end)
        return self._said

    def _read(self) -> None:
        try:
            self._said += os.read(self._end, 1 << 20)
            self._more.set()
        except BlockingIOError:
            pass
        except OSError:  # the other end is closed
            asyncio.get_running_loop().remove_reader(self._end)


def test_where_the_socket_and_the_state_are(tmp_path: Path) -> None:
    floor = tmp_path / "floor.toml"
    floor.write_text('state_dir = "state"\n')
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "journal.db").touch()
    assert folder_of(floor) == folder_of(tmp_path) == folder_of(tmp_path / "state") == tmp_path
    assert state_dirs([floor, tmp_path / "none.toml"]) == [tmp_path / "state"]
    assert floor_files(tmp_path, ["/elsewhere/floor.toml", "none.toml"]) == [floor]
