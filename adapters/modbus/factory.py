"""Entry point ``modbus``: checks options and profiles, then opens the link."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

from adapters.modbus.device import BeatingDevice, ModbusDevice, Setup, WritableDevice
from adapters.modbus.link import ModbusLink, Pacing
from adapters.modbus.options import LinkOptions, mistake, read_options
from adapters.modbus.setup import setups
from vpp.domain.errors import ConfigurationError, Mistake
from vpp.domain.ids import DeviceId
from vpp.domain.points import Point
from vpp.ports.clock import Clock
from vpp.ports.device import DevicePort, LinkRequest, OpenLink


class OpenModbusLink:
    """The ports of one link."""

    def __init__(self, ports: Mapping[DeviceId, ModbusDevice]) -> None:
        self._ports = ports

    def port(self, device: DeviceId) -> DevicePort:
        return self._ports[device]


def open_link(request: LinkRequest) -> AbstractAsyncContextManager[OpenLink]:
    """Check everything now; connect when a device is first asked.

    Raises:
        ConfigurationError: options or profiles are wrong; holds every mistake found.
    """
    mistakes: list[Mistake] = []
    link = request.link
    options = read_options(LinkOptions, link.options, f"links.{link.id}", mistakes)
    if not link.port:
        mistakes.append(mistake(f"links.{link.id}", "names no port", "a TCP port, usually 502"))
    found = setups(request, options, mistakes)
    if mistakes:
        raise ConfigurationError(mistakes)
    pacing = _pacing(options, found)
    return _Link(ModbusLink(link.host, link.port, pacing, request.wire), found, request.city)


class _Link(AbstractAsyncContextManager[OpenLink]):
    """Checked, and opened when it is entered."""

    def __init__(self, link: ModbusLink, found: list[Setup], city: Clock) -> None:
        self._link, self._found, self._city = link, found, city

    @property
    def measures(self) -> Mapping[DeviceId, frozenset[Point]]:
        """By the profile of each device; one of its points may be missing all the same."""
        return {one.device.id: frozenset(bound.point for bound in one.bound) for one in self._found}

    async def __aenter__(self) -> OpenLink:
        ports = {one.device.id: _port(one, self._link, self._city) for one in self._found}
        return OpenModbusLink(ports)

    async def __aexit__(self, *fault: object) -> None:
        await self._link.close()


def _port(setup: Setup, link: ModbusLink, city: Clock) -> ModbusDevice:
    if not setup.written:
        return ModbusDevice(setup, link, city)
    kind = WritableDevice if setup.profile.heartbeat is None else BeatingDevice
    return kind(setup, link, city)


def _pacing(options: LinkOptions, found: list[Setup]) -> Pacing:
    """What the link's options say, else the slowest of its profiles."""
    manners = [setup.profile.manners for setup in found]
    gap_s, delay_s = options.min_gap_s, options.connect_delay_s
    return Pacing(
        min_gap_s=max((m.min_gap_s for m in manners), default=0.0) if gap_s is None else gap_s,
        connect_delay_s=max((m.connect_delay_s for m in manners), default=0.0)
        if delay_s is None
        else delay_s,
    )
