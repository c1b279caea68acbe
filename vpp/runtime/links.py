"""Opens every link of a city through its adapter, found by name."""

from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import cast

from vpp.config.city import City
from vpp.config.findings import instead
from vpp.control.inputs import Timing
from vpp.domain.errors import ConfigurationError, Mistake
from vpp.domain.ids import AssetId, DeviceId, LinkId
from vpp.domain.points import Point
from vpp.ports import plugins
from vpp.ports.clock import Clocks
from vpp.ports.device import Adapter, Described, DevicePort, LinkRequest, OpenLink
from vpp.runtime.clocks import CityClock, WireClock


async def open_links(
    city: City,
    clocks: Clocks,
    stack: AsyncExitStack,
    *,
    epoch: int = 0,
    but: Collection[LinkId] = (),
) -> dict[LinkId, OpenLink]:
    """Enter every link, but for some, into the stack. Whether devices answer is another matter.

    Raises:
        ConfigurationError: options or profiles that adapters refuse, all of them, with their lines.
    """
    links: dict[LinkId, OpenLink] = {}
    mistakes: list[Mistake] = []
    for name, link in _made(city, clocks, epoch, mistakes):
        if name in but:
            continue
        try:
            links[name] = await stack.enter_async_context(link)
        except ConfigurationError as fault:
            mistakes += [_placed(city, mistake) for mistake in fault.mistakes]
    if mistakes:
        raise ConfigurationError(mistakes)
    return links


@asynccontextmanager
async def open_ports(
    city: City, clocks: Clocks, epoch: int
) -> AsyncIterator[Mapping[DeviceId, DevicePort]]:
    """Every device of the city, while entered.

    Raises:
        ConfigurationError: as of ``open_links``.
    """
    async with AsyncExitStack() as stack:
        links = await open_links(city, clocks, stack, epoch=epoch)
        yield {d.id: links[d.link].port(d.id) for d in city.portfolio.devices.values()}


def check_links(city: City) -> Mapping[DeviceId, frozenset[Point]]:
    """Let every adapter look at its part of the city file; nothing is opened.

    Returns:
        What devices measure by their profiles, as far as that is known without asking them.

    Raises:
        ConfigurationError: unknown adapters, options or profiles that adapters refuse, all of them.
    """
    mistakes: list[Mistake] = []
    wire = WireClock()
    measures: dict[DeviceId, frozenset[Point]] = {}
    for _, link in _made(city, Clocks(city=CityClock(wire), wire=wire), 0, mistakes):
        if isinstance(link, Described):
            measures |= link.measures
    if mistakes:
        raise ConfigurationError(mistakes)
    return measures


def _made(
    city: City, clocks: Clocks, epoch: int, mistakes: list[Mistake]
) -> Iterator[tuple[LinkId, AbstractAsyncContextManager[OpenLink]]]:
    """Links that are right, not entered yet; what is wrong is added to ``mistakes``."""
    known = plugins.names(plugins.ADAPTERS)
    for request in _requests(city, clocks, epoch):
        link = request.link
        if link.adapter not in known:
            path = f"{city.path('links', link.id)}.adapter"
            problem = f"no adapter {link.adapter!r} is installed"
            mistakes.append(city.mistake(path, problem, instead(link.adapter, known)))
            continue
        try:
            yield link.id, cast("Adapter", plugins.load(plugins.ADAPTERS, link.adapter))(request)
        except ConfigurationError as fault:
            mistakes += [_placed(city, mistake) for mistake in fault.mistakes]


def _requests(city: City, clocks: Clocks, epoch: int) -> list[LinkRequest]:
    portfolio = city.portfolio
    requests: list[LinkRequest] = []
    for link in portfolio.links.values():
        devices = tuple(d for d in portfolio.devices.values() if d.link == link.id)
        carried = {AssetId(c.subject) for device in devices for c in device.carries}
        requests.append(
            LinkRequest(
                portfolio=portfolio.id,
                link=link,
                devices=devices,
                assets={a: portfolio.assets[a] for a in carried if a in portfolio.assets},
                city=clocks.city,
                wire=clocks.wire,
                epoch=epoch,
            )
        )
    return requests


def _placed(city: City, mistake: Mistake) -> Mistake:
    """An adapter's mistake at ``devices.<id>.options``, with file and line of that entry."""
    section, _, rest = mistake.path.partition(".")
    name, _, inner = rest.partition(".")
    if section not in city.positions or name not in city.positions[section]:
        return mistake
    path = city.path(section, name) + (f".{inner}" if inner else "")
    return city.mistake(path, mistake.problem, mistake.remedy)


def check_watchdogs(city: City, ports: Mapping[DeviceId, DevicePort], timing: Timing) -> None:
    """Refuse a speed at which a device's own watchdog would fire between two refreshes.

    Raises:
        ConfigurationError: it names every such device.
    """
    mistakes = [
        city.mistake(
            city.path("devices", device),
            f"its watchdog {wants} {within_s:g} s, which is shorter than two refreshes of"
            f" {timing.refresh_s:g} s at this speed",
            "a lower --speed",
        )
        for device, port in ports.items()
        for wants, within_s in (
            ("wants to be written within", port.facts.watchdog_s),
            ("wants another heartbeat within", port.facts.heartbeat_s),
        )
        if within_s is not None and within_s < 2 * timing.refresh_s
    ]
    if mistakes:
        raise ConfigurationError(mistakes)
