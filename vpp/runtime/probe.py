"""Asks every device once who it is and what it measures; writes nothing."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import numpy as np

from vpp.config.city import City
from vpp.domain.batch import Batch
from vpp.domain.devices import Device, Identity
from vpp.domain.errors import VppError
from vpp.domain.ids import DeviceId, LinkId
from vpp.domain.points import Point
from vpp.domain.quality import Quality
from vpp.ports.clock import Clocks
from vpp.ports.device import DevicePort, OpenLink, Polled, Streaming
from vpp.runtime.clocks import CityClock, WireClock
from vpp.runtime.held import held
from vpp.runtime.lease import holder
from vpp.runtime.links import open_links
from vpp.runtime.state_home import place

PATIENCE_S = 10.0
"""For one device, on the wire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one device answered, or why it was not asked."""

    device: DeviceId
    held: str = ""
    """By whom, where it must not be dialled now."""
    identity: str = ""
    measured: Mapping[Point, float] = field(default_factory=dict)
    """Good values only."""
    trouble: str = ""

    @property
    def well(self) -> bool:
        return not self.trouble


async def probe(city: City) -> tuple[Finding, ...]:
    """One finding per device, in the order of the city file; a running daemon keeps what it has."""
    return tuple(finding for finding, _ in await _ask_all(city, await held(city.portfolio)))


async def measure_all(city: City) -> tuple[Sequence[Batch], Sequence[Finding]]:
    """What every device that answers as itself measures now, and those that do not.

    Raises:
        VppError: a running daemon holds the portfolio's devices.
    """
    portfolio = city.portfolio.id
    if holding := holder(place(portfolio)):
        raise VppError(
            f"{portfolio} is run by {holding}, which holds its devices; 'vpp device list' tells"
            " what it hears of them, 'vpp plan --offline' plans from its record"
        )
    answers = await _ask_all(city, {})
    batches = [batch for finding, batch in answers if finding.well and batch is not None]
    return batches, [finding for finding, _ in answers if not finding.well]


async def _ask_all(city: City, kept: Mapping[DeviceId, str]) -> list[tuple[Finding, Batch | None]]:
    """``kept``: devices that are not asked, and why."""
    devices = city.portfolio.devices.values()
    wire = WireClock()
    clocks = Clocks(city=CityClock(wire), wire=wire)
    async with AsyncExitStack() as stack:
        closed = {device.link for device in devices if device.id in kept}
        links = await open_links(city, clocks, stack, but=closed)
        return await asyncio.gather(*(_ask(links, device, kept) for device in devices))


async def _ask(
    links: Mapping[LinkId, OpenLink], device: Device, kept: Mapping[DeviceId, str]
) -> tuple[Finding, Batch | None]:
    if device.id in kept:
        return Finding(device=device.id, held=kept[device.id]), None
    try:
        async with asyncio.timeout(PATIENCE_S):
            port = links[device.link].port(device.id)
            identity = await port.identify()
            batch = await _measure(port)
    except (VppError, TimeoutError) as fault:
        trouble = str(fault) or f"no answer within {PATIENCE_S:.0f} s"
        return Finding(device=device.id, trouble=trouble), None
    wrong = device.identity.contradicts(identity)
    finding = Finding(
        device=device.id,
        identity=_name(identity),
        measured=dict(_good(batch)) if batch else {},
        trouble=f"another device answers: {wrong}" if wrong else "",
    )
    return finding, batch


async def _measure(port: DevicePort) -> Batch | None:
    match port:
        case Polled():
            return await port.read()
        case Streaming():
            async for batch in port.batches():
                if len(batch.points):
                    return batch
    return None


def _name(identity: Identity) -> str:
    parts: Sequence[str] = (identity.maker, identity.model, identity.serial, identity.version)
    return " ".join(part for part in parts if part)


def _good(batch: Batch) -> Iterator[tuple[Point, float]]:
    for point, value, quality in zip(batch.points, batch.values, batch.quality, strict=True):
        if quality == Quality.GOOD and not np.isnan(value):
            yield point, float(value)
