"""A telegram PLC on TCP: who is answered on which connection, and when it hangs up. PLC interface v1 §1, §2 rule 2."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from firmware_stubs.plcs.telegram import Plc
from firmware_stubs.stub import Knock, Message, Piece, Stub
from firmware_stubs.tcp_wires import CallingWire, TcpWire
from firmware_stubs.wire import Side
from tests.plc_bench import kinds, new, session
from tests.scripted_hub import Hub, build, split

OLD_SYES = build("SYES", "R", 9, 1, "00000001" + "0000" + "000000")
NEW_SYES = build("SYES", "R", 9, 1, "00000008" + "0000" + "000000")
PATIENCE_S = 20


def said(knock: Knock) -> list[str]:
    return [one.body or one.flag for one in split(knock.data)]


def test_on_a_second_connection_only_syes_is_read_and_a_refused_one_changes_nothing() -> None:
    plc, hub = session()
    assert plc.knock(b"", 10.0, new=True) == Knock()
    life = build("LIFE", "R", hub.epoch, hub.sequence, "000000")
    assert plc.knock(life + build("DEST", "R", 9, 7, "") + b"\x02nonsense\x03", 20.0, new=False) == Knock()
    assert (plc.counts["second_connection"], plc.counts["garbled"]) == (2, 1)
    assert said(plc.knock(OLD_SYES, 30.0, new=False)) == ["OLDC"]
    assert said(plc.knock(build("SYES", "R", 9, 2, "x"), 40.0, new=False)) == ["FORM"]
    assert plc.take() == b""
    assert plc.in_session
    assert hub.ask("LIFE", "000000", 50.0).flag == "A"


def test_what_comes_on_a_second_connection_does_not_keep_the_session() -> None:
    plc, _ = session()
    for at in range(100, 3000, 100):
        plc.knock(OLD_SYES, float(at), new=False)
    plc.tick(3000.0)
    assert not plc.in_session


def test_a_syes_answered_a_replaces_the_first_connection_and_what_follows_it_is_read() -> None:
    plc, _ = session()
    plc.edge("IND", 300, 5.0)
    plc.feed(b"\x02half a telegram", 6.0)
    plc.take()
    later = build("LIFE", "R", 9, 2, "000000")
    assert plc.knock(NEW_SYES[:30], 10.0, new=True) == Knock()
    assert plc.knock(NEW_SYES[30:] + later[:9], 20.0, new=False) == Knock(b"", admitted=True)
    plc.feed(later[9:], 30.0)
    answers = split(plc.take())
    assert [(one.kind, one.flag) for one in answers] == [("SYES", "A"), ("LIFE", "A"), ("SYBE", "R")]
    assert not plc.hang_up()
    assert plc.counts["garbled"] == 0
    hub = Hub(plc, epoch=9, term=8, sequence=3)
    assert kinds(hub.listen(40.0, answers[2])) == ["SPED", "TRAK", "INDU", "SYEN"]


def test_a_new_second_connection_does_not_go_on_with_the_half_telegram_of_the_last() -> None:
    plc, _ = session()
    plc.knock(NEW_SYES[:30], 10.0, new=True)
    plc.knock(b"", 20.0, new=True)
    assert plc.knock(NEW_SYES[30:], 30.0, new=False) == Knock()


@pytest.mark.parametrize("how", ["silence", "four sendings"])
def test_who_notices_the_loss_of_the_session_hangs_up_once(how: str) -> None:
    plc, hub = session()
    assert not plc.hang_up()
    plc.edge("IND", 300, 0.0)
    while plc.in_session:
        at = plc.next_at()
        assert at is not None
        plc.tick(at)
        plc.take()
        if how == "four sendings" and plc.in_session:
            hub.sequence += 1
            plc.feed(build("LIFE", "R", hub.epoch, hub.sequence, "000000"), at)
    assert plc.hang_up()
    assert not plc.hang_up()


def test_nsyn_ends_the_session_and_not_the_connection() -> None:
    plc, hub = session()
    plc.edge("IND", 300, 0.0)
    (asked,) = split(plc.take())
    plc.feed(build("INDU", "N", asked.epoch, asked.sequence, "NSYN"), 10.0)
    assert not plc.in_session
    assert not plc.hang_up()
    assert "INDU" in kinds(hub.start(20.0))


def test_a_closed_connection_ends_the_session_and_a_power_cycle_the_connection() -> None:
    plc, hub = session()
    plc.closed(10.0)
    assert not plc.in_session
    assert not plc.hang_up()
    plc.opened(20.0)
    assert kinds(hub.start(20.0)) == ["SYBE", "SPED", "SYEN"]
    plc.power_cycle(30.0)
    assert plc.hang_up()
    assert plc.take() == b""


def test_a_message_for_a_machine_on_a_cable_is_refused() -> None:
    stub: Stub = new()
    with pytest.raises(TypeError, match="up"):
        stub.feed(Message("up", b""), 0.0)
    assert (stub.subscriptions(), stub.will()) == ([], None)


# On real sockets


class Machine:
    """A stub at the end of a TCP wire; its time stands still."""

    def __init__(self, plc: Plc) -> None:
        self.plc = plc
        self.wire: TcpWire | CallingWire | None = None
        self.events: list[bool] = []
        self.more = asyncio.Event()

    @property
    def side(self) -> Side:
        return Side(self.heard, self.connected, self.knock)

    def heard(self, piece: Piece) -> None:
        self.plc.feed(piece, 0.0)
        self.turn()

    def connected(self, there: bool) -> None:
        self.events.append(there)
        (self.plc.opened if there else self.plc.closed)(0.0)
        self.more.set()

    def knock(self, data: bytes, new: bool) -> Knock:
        knock = self.plc.knock(data, 0.0, new=new)
        asyncio.get_running_loop().call_soon(self.turn)
        return knock

    def turn(self) -> None:
        assert self.wire is not None
        if data := self.plc.take():
            self.wire.write(data)
        if self.plc.hang_up():
            self.wire.hang_up()

    async def until(self, events: list[bool]) -> None:
        while self.events != events:
            self.more.clear()
            await self.more.wait()


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def timed() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await test()

    asyncio.run(timed())


async def hear(reader: asyncio.StreamReader) -> tuple[str, str]:
    (one,) = split(await reader.readuntil(b"\x03"))
    return one.kind, one.body or one.flag


def test_two_clients_at_a_listening_plc() -> None:
    async def test() -> None:
        machine = Machine(new())
        machine.wire = wire = await TcpWire.listen("127.0.0.1", 0, machine.side)
        port = int(wire.where.rpartition(":")[2])
        first = await asyncio.open_connection("127.0.0.1", port)
        first[1].write(build("SYES", "R", 3, 1, "00000007" + "0000" + "000000"))
        assert [await hear(first[0]) for _ in range(2)] == [("SYES", "A"), ("SYBE", "R")]
        second = await asyncio.open_connection("127.0.0.1", port)
        second[1].write(build("LIFE", "R", 9, 1, "000000") + OLD_SYES)
        assert await hear(second[0]) == ("SYES", "OLDC")
        first[1].write(build("LIFE", "R", 3, 2, "000000"))
        assert await hear(first[0]) == ("LIFE", "A")
        third = await asyncio.open_connection("127.0.0.1", port)  # takes the place of the second
        assert await second[0].read() == b""
        third[1].write(NEW_SYES)
        assert [await hear(third[0]) for _ in range(2)] == [("SYES", "A"), ("SYBE", "R")]
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await hear(first[0])
        assert machine.events == [True]  # the machine knows: it admitted the second
        fourth = await asyncio.open_connection("127.0.0.1", port)
        third[1].close()  # who waits gets its place
        await machine.until([True, False, True])
        fourth[1].write(build("LIFE", "R", 9, 3, "000000"))
        assert await hear(fourth[0]) == ("LIFE", "NSYN")
        wire.close()
        for _, writer in (first, second, third, fourth):
            writer.close()

    run(test)


def test_the_machine_hangs_up_and_takes_the_next_client() -> None:
    async def test() -> None:
        machine = Machine(new())
        machine.wire = wire = await TcpWire.listen("127.0.0.1", 0, machine.side)
        port = int(wire.where.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await machine.until([True])
        machine.plc.power_cycle(0.0)
        machine.turn()
        assert await reader.read() == b""
        assert machine.events == [True, False]
        again = await asyncio.open_connection("127.0.0.1", port)
        again[1].write(NEW_SYES)
        assert await hear(again[0]) == ("SYES", "A")
        wire.close()
        for one in (writer, again[1]):
            one.close()

    run(test)


def test_a_machine_that_calls_comes_again_for_ever_and_says_once_why_it_cannot(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def test() -> None:
        calls: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        server = await asyncio.start_server(lambda *pair: calls.put_nowait(pair), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        machine = Machine(new())
        machine.wire = CallingWire("127.0.0.1", port, machine.side)
        (job,) = machine.wire.jobs()
        task = asyncio.create_task(job)
        said = ""
        while "tried again" not in said:
            await asyncio.sleep(0)
            said += capsys.readouterr().err
        server = await asyncio.start_server(lambda *pair: calls.put_nowait(pair), "127.0.0.1", port)
        for _ in range(3):
            reader, writer = await calls.get()
            writer.write(NEW_SYES)
            assert (await hear(reader))[0] == "SYES"
            writer.close()
        reader, writer = await calls.get()
        machine.plc.power_cycle(0.0)
        machine.turn()
        assert await reader.read() == b""
        (await calls.get())[1].close()
        assert (said + capsys.readouterr().err).count("tried again") == 1
        task.cancel()
        machine.wire.close()
        writer.close()
        server.close()

    run(test)


@pytest.mark.parametrize(("connected", "silence", "heard"), [(False, 250, 0), (True, 250, 1), (True, 2050, 0)])
def test_a_connection_may_pause_longer_than_a_cable(connected: bool, silence: float, heard: int) -> None:
    """A gap of 200 ms on serial, of 2 s on TCP discards a partial telegram (PLC interface v1 §3)."""
    plc = new()
    if connected:
        plc.opened(0.0)
    syes = b"\x021HUB.PLC1SYESR0003011801800000007001A000411E7F0\x03"
    plc.feed(syes[:20], 10.0)
    plc.feed(syes[20:], 10.0 + silence)
    assert plc.in_session is bool(heard)
