"""Polling 1,000 simulated Modbus batteries at 1 Hz: this project's adapter against raw pymodbus.

Both poll the same registers of the same devices on the same uvloop and the same due times (a grid
of 10 ms slots), in turns within one run, against a server in another process. Ours includes every
check, decoding, scaling, quality and the Batch; pymodbus's is its replies as they come. Ratios are
what to read: absolute figures belong to the machine.

    python benchmarks/polling.py [--devices 1000] [--seconds 5] [--rounds 3]
"""

import argparse
import asyncio
import gc
import os
import random
import resource
import socket
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, cast

import uvloop
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException

from adapters.modbus.definitions import points_of
from adapters.modbus.device import WritableDevice
from adapters.modbus.factory import open_link
from vpp.domain.assets import Battery
from vpp.domain.command import Command, WriteClass
from vpp.domain.devices import Carried, Device, Link
from vpp.domain.errors import DeviceError
from vpp.domain.ids import AssetId, DeviceId, LinkId, PortfolioId, SiteId
from vpp.domain.setpoint import target
from vpp.ports.device import LinkRequest

SLOT_S = 0.01
TIMEOUT_S = 0.5
PATIENT_S = 3.0
"""Time-out while the two are compared, so that a busy machine fails neither."""
MODELS = (1, 701, 702, 704, 713, 802)
SCALES = {"W_SF": 0, "WSet_SF": 0, "WH_SF": 1, "Pct_SF": -1, "TotWh_SF": 0}
Poll = Callable[[], Awaitable[object]]


class Clock:
    """City and wire alike."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


# The server: a fixed image behind every port, answered as fast as Python can


def image() -> bytes:
    """Registers from 40000 on: the marker, six models, the end."""
    words = bytearray(b"SunS")
    for model in MODELS:
        points = points_of(model) or {}
        last = max(points.values(), key=lambda p: p.offset)
        body = bytearray(2 * (last.offset + last.type.registers))
        struct.pack_into(">HH", body, 0, model, len(body) // 2 - 2)
        for name, power in SCALES.items():
            if name in points:
                struct.pack_into(">h", body, 2 * points[name].offset, power)
        words += body
    return bytes(words) + b"\xff\xff\0\0"


class Responder(asyncio.Protocol):
    """Answers reads and writes; a write of unit 2 is counted and not answered, of unit 3 resets."""

    registers = image()
    writes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.rest = b""

    def data_received(self, data: bytes) -> None:
        data = self.rest + data
        replies = []
        while len(data) >= 12 and len(data) >= 6 + struct.unpack_from(">H", data, 4)[0]:
            end = 6 + struct.unpack_from(">H", data, 4)[0]
            replies.append(self.reply(data[:end]))
            data = data[end:]
        self.rest = data
        self.transport.write(b"".join(replies))

    def reply(self, frame: bytes) -> bytes:
        transaction, _, _, unit, function, address, count = struct.unpack_from(">HHHBBHH", frame)
        if function == 3:
            first = 2 * (address - 40000)
            data = self.registers[first : first + 2 * count]
            head = struct.pack(">HHHBBB", transaction, 0, 3 + len(data), unit, 3, len(data))
            return head + data
        Responder.writes += 1
        if unit == 3:
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        if unit != 1:
            return b""
        return struct.pack(">HHHBBHH", transaction, 0, 6, unit, function, address, count)


async def serve(count: int) -> None:
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(Responder, "127.0.0.1", 0) for _ in range(count)]
    print(" ".join(str(s.sockets[0].getsockname()[1]) for s in servers), flush=True)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():  # each line asks how many writes came
        print(Responder.writes, flush=True)


# The fleet


@dataclass
class Figures:
    late_ms: list[float] = field(default_factory=list)
    """A poll's begin after it was due."""
    took_ms: list[float] = field(default_factory=list)
    cpu_s: float = 0.0
    polls: int = 0
    failed: int = 0

    @property
    def cpu_per_1000(self) -> float:
        return 1000 * self.cpu_s / self.polls

    def told(self) -> str:
        late, took = (statistics.quantiles(ms, n=100) for ms in (self.late_ms, self.took_ms))
        return (
            f"late p50 {late[49]:.1f} p99 {late[98]:.1f} ms,"
            f" a round p50 {took[49]:.1f} p99 {took[98]:.1f} ms"
        )


async def fleet(polls: Sequence[Poll], seconds: float, figures: Figures) -> None:
    """Poll all once a second, each on its own slot."""
    loop = asyncio.get_running_loop()
    slots = [SLOT_S * random.Random(i).randrange(round(1 / SLOT_S)) for i in range(len(polls))]
    start = loop.time() + 0.2
    cpu_s = time.process_time()

    async def one(poll: Poll, slot_s: float) -> None:
        due_s = start + slot_s
        while due_s < start + seconds:
            await asyncio.sleep(due_s - loop.time())
            begun_s = time.monotonic()
            try:
                await poll()
            except (DeviceError, ModbusException):
                figures.failed += 1
            figures.late_ms.append(1000 * (begun_s - due_s))
            figures.took_ms.append(1000 * (time.monotonic() - begun_s))
            figures.polls += 1
            due_s += 1.0

    await asyncio.gather(*(one(poll, slot) for poll, slot in zip(polls, slots, strict=True)))
    figures.cpu_s += time.process_time() - cpu_s


def link_request(port: int, name: str, unit: int, timeout_s: float) -> LinkRequest:
    asset = Battery(
        id=AssetId(name), site=SiteId("s"), capacity_kwh=10, charge_kw=5, discharge_kw=5
    )
    device = Device(
        id=DeviceId(name), link=LinkId(name), adapter="modbus", profile="sunspec-ess",
        carries=(Carried(subject=asset.id, writes=True),),
        options={"unit": unit, "timeout_s": timeout_s},
    )  # fmt: skip
    clock = Clock()
    return LinkRequest(
        portfolio=PortfolioId("bench"), link=Link(id=LinkId(name), adapter="modbus", port=port),
        devices=(device,), assets={asset.id: asset}, city=clock, wire=clock,
    )  # fmt: skip


async def open_device(
    stack: AsyncExitStack, port: int, name: str, unit: int = 1, timeout_s: float = TIMEOUT_S
) -> WritableDevice:
    link = await stack.enter_async_context(open_link(link_request(port, name, unit, timeout_s)))
    device = cast("WritableDevice", link.port(DeviceId(name)))
    await device.identify()
    return device


def blocks_of(device: WritableDevice) -> list[tuple[int, int]]:
    """Address and count of the requests of one round."""
    return [struct.unpack_from(">HH", request, 1) for request in device.round()]


def raw_poll(client: AsyncModbusTcpClient, blocks: list[tuple[int, int]]) -> Poll:
    async def poll() -> None:
        for address, count in blocks:
            answer = await client.read_holding_registers(address, count=count, device_id=1)
            if answer.isError():
                raise RuntimeError(answer)

    return poll


async def compare(ports: list[int], seconds: float, rounds: int) -> None:
    ours, raw = Figures(), Figures()
    async with AsyncExitStack() as stack:
        devices = [
            await open_device(stack, port, f"d{i}", timeout_s=PATIENT_S)
            for i, port in enumerate(ports)
        ]
        blocks = blocks_of(devices[0])
        clients = [
            AsyncModbusTcpClient("127.0.0.1", port=p, timeout=PATIENT_S, retries=0) for p in ports
        ]
        for client in clients:
            await client.connect()
            stack.callback(client.close)
        count = sum(n for _, n in blocks)
        print(f"{len(ports)} devices, {len(blocks)} requests ({count} registers) a poll, 1 Hz")
        contenders = (
            ([device.read for device in devices], ours),
            ([raw_poll(client, blocks) for client in clients], raw),
        )
        for _ in range(rounds):
            for polls, figures in contenders:
                gc.collect()
                await fleet(polls, seconds, figures)
    for name, figures in (("adapter", ours), ("pymodbus, raw", raw)):
        print(
            f"  {name:14} CPU {figures.cpu_per_1000:.3f} s per 1,000 polls, {figures.told()},"
            f" {figures.failed} of {figures.polls} failed"
        )
    print(f"  CPU ratio adapter / pymodbus: {ours.cpu_per_1000 / raw.cpu_per_1000:.2f}")


async def faults(ports: list[int], writes: Callable[[], int]) -> None:
    """How soon a failed write is known, how often it was sent, and what the others notice."""
    async with AsyncExitStack() as stack:
        others = [await open_device(stack, port, f"o{i}") for i, port in enumerate(ports[2:102])]
        calm, troubled = Figures(), Figures()
        await fleet([d.read for d in others], 2.0, calm)
        for unit, name in ((3, "reset"), (2, "hang")):
            device = await open_device(stack, ports[unit - 2], f"faulty-{name}", unit)
            await device.read()
            before, sent_s = writes(), time.monotonic()
            polling = asyncio.create_task(fleet([d.read for d in others], 2.0, troubled))
            await asyncio.sleep(0.3)
            sent_s = time.monotonic()
            try:
                await device.send(command(f"faulty-{name}"))
            except DeviceError as fault:
                took_ms = 1000 * (time.monotonic() - sent_s)
                print(f"  {name}: {type(fault).__name__} after {took_ms:.1f} ms", end="")
            await polling
            print(f", the write was sent {writes() - before} time(s)")
        print(f"  100 other devices before: {calm.told()}")
        print(f"  100 other devices during: {troubled.told()}")


def command(name: str) -> Command:
    now_s = time.monotonic()
    setpoint = target(AssetId(name), 1.0, expires_s=now_s + 60, owner="bench", reason="bench")
    return Command(
        id="1", device=DeviceId(name), setpoint=setpoint, write_class=WriteClass.COMMAND, epoch=1,
        seq=1, issued_at=datetime.now(UTC), issued_s=now_s,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if arguments.serve:
        uvloop.run(serve(arguments.devices))
        return
    server = subprocess.Popen(
        [sys.executable, __file__, "--serve", "--devices", str(arguments.devices)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ,
    )  # fmt: skip
    asked, answered = cast("IO[str]", server.stdin), cast("IO[str]", server.stdout)

    def writes() -> int:
        asked.write("\n")
        asked.flush()
        return int(answered.readline())

    try:
        ports = [int(port) for port in answered.readline().split()]
        uvloop.run(compare(ports, arguments.seconds, arguments.rounds))
        uvloop.run(faults(ports, writes))
    finally:
        asked.close()
        server.wait(timeout=5)


if __name__ == "__main__":
    main()
