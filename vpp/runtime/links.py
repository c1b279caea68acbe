"""Opens every link of a city through its adapter, found by name."""

from contextlib import AsyncExitStack
from typing import cast

from vpp.config.city import City
from vpp.domain.errors import ConfigurationError, Mistake
from vpp.domain.ids import AssetId, LinkId
from vpp.ports import plugins
from vpp.ports.clock import Clocks
from vpp.ports.device import Adapter, LinkRequest, OpenLink


async def open_links(
    city: City, clocks: Clocks, stack: AsyncExitStack, *, epoch: int = 0
) -> dict[LinkId, OpenLink]:
    """Enter every link into the stack. Whether devices answer is another matter.

    Raises:
        ConfigurationError: options or profiles that adapters refuse, all of them, with their lines.
    """
    links: dict[LinkId, OpenLink] = {}
    mistakes: list[Mistake] = []
    for request in _requests(city, clocks, epoch):
        try:
            adapter = cast("Adapter", plugins.load(plugins.ADAPTERS, request.link.adapter))
            links[request.link.id] = await stack.enter_async_context(adapter(request))
        except ConfigurationError as fault:
            mistakes += [_placed(city, mistake) for mistake in fault.mistakes]
    if mistakes:
        raise ConfigurationError(mistakes)
    return links


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
