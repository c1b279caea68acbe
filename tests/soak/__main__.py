"""The daemon on the simulated city at high speed: does anything grow, lag or complain?

    python -m tests.soak [--for 10min] [--speed 600] [CITY.YAML]

Starts ``vpp demo`` as a user does and looks at it from outside: its metrics, its command socket,
and the kernel's view of it, the simulators and the planning worker. Prints one line a minute and a
verdict; the exit code is 1 where something does not hold.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.request import urlopen

from rich.console import Console

from simulators.wire.free_ports import free_base_port
from tests.soak.sample import Sample, family, series
from tests.soak.verdict import verdict
from vpp.cli.spans import seconds
from vpp.config.examples import example_city
from vpp.domain.errors import VppError
from vpp.runtime.command_socket import NAME, ask

console = Console(highlight=False, soft_wrap=True)
START_S = 120.0
SAMPLES = 120
"""At most; each a second or more after the one before."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="soak the daemon")
    parser.add_argument("city", nargs="?", type=Path, default=example_city())
    parser.add_argument("--for", dest="lasts", default="10min", metavar="10min")
    parser.add_argument("--speed", type=float, default=600.0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vpp-soak-") as home:
        samples, code = asyncio.run(soak(asked.city, asked.lasts, asked.speed, Path(home)))
    checks = list(verdict(samples, code))
    for check in checks:
        console.print(f"{'[green]ok[/]  ' if check.holds else '[red]BAD[/] '} {check.text}")
    return 0 if all(check.holds for check in checks) else 1


async def soak(city: Path, lasts: str, speed: float, home: Path) -> tuple[Sequence[Sample], int]:
    """Run it to its end; the samples, and its exit code."""
    port = free_base_port([0])
    words = ["demo", city, "--speed", f"{speed:g}", "--for", lasts, "--http", f"127.0.0.1:{port}"]
    with (home / "screen.txt").open("wb") as screen:
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("vpp"), *map(str, words),
            stdin=asyncio.subprocess.DEVNULL, stdout=screen, stderr=screen,
            env={**os.environ, "VPP_STATE_HOME": str(home)}, start_new_session=True,
        )  # fmt: skip
    try:
        samples = await _watch(process, port, home, seconds(lasts, "--for"))
        return samples, await asyncio.wait_for(process.wait(), START_S)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
        if process.returncode:
            console.print((home / "screen.txt").read_text()[-2000:], markup=False)


async def _watch(
    process: asyncio.subprocess.Process, port: int, home: Path, lasts_s: float
) -> Sequence[Sample]:
    samples, began_s = list[Sample](), time.monotonic()
    shown_s, every_s = began_s, max(1.0, lasts_s / SAMPLES)
    while process.returncode is None:
        try:
            samples.append(await _look(process.pid, port, home, time.monotonic() - began_s))
        except (OSError, VppError) as fault:  # it has not begun to serve, or it is leaving
            if not samples and time.monotonic() - began_s > START_S:
                raise VppError(f"nothing was served within {START_S:g} s") from fault
        if samples and time.monotonic() - shown_s >= 60:
            shown_s = time.monotonic()
            _show(samples[-1])
        await asyncio.sleep(every_s)
    return samples


async def _look(pid: int, port: int, home: Path, at_s: float) -> Sample:
    told = series(await asyncio.to_thread(_metrics, port))
    status = await ask(await asyncio.to_thread(_state_dir, home), {"verb": "status"})
    ticks = told["vpp_tick_lateness_ratio_count"]
    return Sample(
        at_s=at_s,
        processes=tuple(family(pid)),
        tasks=int(told["vpp_tasks"]),
        alarms=frozenset(f"{code} {subject}" for code, subject, _ in status["portfolio"]["alarms"]),
        speed=told["vpp_speed_ratio"],
        ticks=int(ticks),
        late=int(ticks - told["vpp_tick_lateness_ratio_bucket<=0.5"]),
        plan_rounds=int(told["vpp_plan_rounds"]),
    )


def _state_dir(home: Path) -> Path:
    (socket,) = home.glob(f"*/{NAME}")
    return socket.parent


def _metrics(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


def _show(sample: Sample) -> None:
    sizes = ", ".join(f"{p.name} {p.rss_mb:.0f} MB {p.files} files" for p in sample.processes)
    console.print(
        f"{sample.at_s:6.0f} s  {sizes}; {sample.tasks} tasks, {sample.ticks} ticks"
        f" ({sample.late} late), {sample.speed:g} x, {len(sample.alarms)} alarms"
    )


if __name__ == "__main__":
    sys.exit(main())
