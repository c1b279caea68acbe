"""Files of prices are read again when they change: a market publishes tomorrow's today."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import structlog

from vpp.config.price_files import read_prices
from vpp.control.inputs import Alarm
from vpp.domain.errors import ConfigurationError
from vpp.domain.ids import TariffId
from vpp.domain.portfolio import Portfolio
from vpp.domain.price_series import PriceSeries
from vpp.domain.tariff import Tariff
from vpp.ports.clock import Clock

EVERY_S = 10.0
"""Wire seconds between two looks."""
Repriced = Callable[[Mapping[TariffId, Tariff], Sequence[Alarm]], None]
_log = structlog.get_logger(__name__)


class PriceWatch:
    """What cannot be read leaves the last prices standing, and is an alarm until it can."""

    def __init__(self, portfolio: Portfolio, repriced: Repriced, *, wire: Clock) -> None:
        """``repriced`` is told all tariffs and what is wrong, whenever either changes."""
        self._tariffs = dict(portfolio.tariffs)
        self._repriced, self._wire = repriced, wire
        self._stamps: dict[TariffId, object] = {}
        self._wrong: dict[TariffId, Alarm] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await self._wire.sleep(EVERY_S)

    async def look(self) -> None:
        """Read every file that is not as it was."""
        before, wrong = dict(self._tariffs), dict(self._wrong)
        for name, tariff in before.items():
            if tariff.prices is not None:
                await self._look_at(name, tariff, tariff.prices)
        if self._wrong != wrong or any(self._tariffs[n] is not one for n, one in before.items()):
            self._repriced(dict(self._tariffs), tuple(self._wrong.values()))

    async def _look_at(self, name: TariffId, tariff: Tariff, known: PriceSeries) -> None:
        file = Path(known.source)
        stamp = await asyncio.to_thread(_stamp, file)
        if stamp == self._stamps.get(name, ()):
            return
        self._stamps[name] = stamp
        try:
            found = await asyncio.to_thread(read_prices, file, tariff.time_zone)
        except ConfigurationError as error:
            said = "; ".join(map(str, error.mistakes[:3]))
            _log.warning("prices cannot be read", tariff=name, why=said)
            text = f"the last prices hold until {known.known_until:%Y-%m-%d %H:%M} UTC: {said}"
            self._wrong[name] = Alarm(code="PRICES_UNREADABLE", subject=name, text=text)
            return
        self._wrong.pop(name, None)
        if not _same(found, known):
            _log.info("new prices", tariff=name, until=found.known_until.isoformat())
            self._tariffs[name] = replace(tariff, prices=found)


def _stamp(file: Path) -> object:
    try:
        found = file.stat()
    except OSError as error:
        return str(error)
    return found.st_mtime_ns, found.st_size


def _same(one: PriceSeries, other: PriceSeries) -> bool:
    pairs = (
        (one.starts_s, other.starts_s),
        (one.import_per_kwh, other.import_per_kwh),
        (one.export_per_kwh, other.export_per_kwh),
    )
    return all(
        a is b or (a is not None and b is not None and np.array_equal(a, b)) for a, b in pairs
    )
