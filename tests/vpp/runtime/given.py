"""What tests of sources share: a clock, a request, a grid operator's limit."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.vpp.control.planning.cities import two_sites
from vpp.ports.sources import SourceRequest
from vpp.runtime.command_socket import CommandSocket


class StandingClock:
    """Time that a test moves by hand."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0

    def now(self) -> datetime:
        return datetime(2026, 7, 15, 3, tzinfo=UTC) + timedelta(seconds=self.elapsed_s)

    def monotonic(self) -> float:
        return 500.0 + self.elapsed_s

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


def request(directory: Path, commands: CommandSocket, clock: StandingClock) -> SourceRequest:
    return SourceRequest(
        portfolio=two_sites(), state_dir=directory, commands=commands, city=clock, wire=clock
    )


def limit(**changes: object) -> dict[str, object]:
    return {
        "id": "dso-1", "scope": "node:street", "hi_kw": 20, "reason": "line work",
        "owner": "grid operator", "until": "2026-07-15T13:00:00+09:00", "ending": "failsafe",
        "failsafe_hi_kw": 15, **changes,
    }  # fmt: skip


STEERING = "\x1b[2Jall is well"
"""Wipes a terminal where it is printed."""
