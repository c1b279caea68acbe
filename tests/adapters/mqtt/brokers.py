"""Brokers on loopback: the embedded one in this process, and mosquitto as a process."""

import asyncio
import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from simulators.wire.broker import BrokerAddress, embedded_broker
from tests.conftest import PROGRAM_PATH


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@asynccontextmanager
async def embedded(port: int) -> AsyncIterator[int]:
    """The simulators' broker in this process, open to everybody on loopback."""
    async with embedded_broker(BrokerAddress("127.0.0.1", port)):
        yield port


class Mosquitto:
    """A process that can be killed, frozen and started anew on its port."""

    def __init__(self, folder: Path, *, settings: str = "allow_anonymous true") -> None:
        self.port = free_port()
        self._settings, self._config = settings, folder / "mosquitto.conf"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        program = shutil.which("mosquitto", path=PROGRAM_PATH)
        assert program is not None
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\npersistence false\nuser root\n{self._settings}\n"
        )
        self._process = await asyncio.create_subprocess_exec(
            program, "-c", str(self._config), stderr=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(30):
            while not await self._answers():  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.02)

    async def stop(self, sign: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(sign)
            await self._process.wait()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def _signal(self, sign: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, sign)

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True


@asynccontextmanager
async def mosquitto(
    folder: Path, settings: str = "allow_anonymous true"
) -> AsyncIterator[Mosquitto]:
    broker = Mosquitto(folder, settings=settings)
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop(signal.SIGKILL)
