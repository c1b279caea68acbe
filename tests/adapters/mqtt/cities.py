"""A charging station with two connectors, as the city file would give it to the adapter."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from vpp.domain.assets import EvCharger
from vpp.domain.capability import Form
from vpp.domain.command import Command, WriteClass
from vpp.domain.devices import Carried, Device, Link
from vpp.domain.ids import AssetId, DeviceId, LinkId, PortfolioId, SiteId
from vpp.domain.setpoint import Setpoint, ceiling
from vpp.ports.clock import Clock
from vpp.ports.device import LinkRequest
from vpp.runtime.clocks import CityClock, WireClock

CP1, CP2 = AssetId("cp1"), AssetId("cp2")
HUB = DeviceId("hub-1")
START = datetime(2026, 7, 15, 9, 0, tzinfo=UTC)


@dataclass
class HandClock:
    """Moves only when told to."""

    seconds: float = 1000.0
    set_by_s: float = 0.0
    """By how much somebody has set the wall clock."""

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds + self.set_by_s)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def charger(asset: AssetId) -> EvCharger:
    return EvCharger(id=asset, site=SiteId("mall"), max_kw=11.0, floor_kw=4.1)


def station_device(
    device: DeviceId = HUB, assets: tuple[AssetId, ...] = (CP1, CP2), **options: Any
) -> Device:
    return Device(
        id=device,
        link=LinkId("stations"),
        adapter="mqtt",
        profile="vpp-1",
        carries=tuple(Carried(subject=asset, writes=True) for asset in assets),
        options={"site": "mall"} | options,
    )


def request(
    port: int,
    *devices: Device,
    options: Mapping[str, Any] | None = None,
    city: Clock | None = None,
    host: str = "127.0.0.1",
) -> LinkRequest:
    wire = WireClock()
    those = devices or (station_device(),)
    return LinkRequest(
        portfolio=PortfolioId("testville"),
        link=Link(
            id=LinkId("stations"), adapter="mqtt", host=host, port=port, options=options or {}
        ),
        devices=those,
        assets={asset: charger(asset) for device in those for asset in device.written_assets},
        city=city or CityClock(wire),
        wire=wire,
    )


def command(
    city: Clock,
    power_kw: float = 7.0,
    *,
    asset: AssetId = CP1,
    setpoint: Setpoint | None = None,
    command_id: str = "c-1",
    epoch: int = 1,
    seq: int = 1,
    valid_s: float = 60.0,
    write_class: WriteClass = WriteClass.COMMAND,
) -> Command:
    """A ceiling for one connector, issued now."""
    return Command(
        id=command_id,
        device=HUB,
        setpoint=setpoint
        or ceiling(
            asset, power_kw, producing=False, expires_s=city.monotonic() + valid_s,
            owner="test", reason="surplus",
        ),
        write_class=write_class,
        epoch=epoch,
        seq=seq,
        issued_at=city.now(),
        issued_s=city.monotonic(),
    )  # fmt: skip


def plain(form: Form, expires_s: float) -> Setpoint:
    """A release or a stop."""
    return Setpoint(asset=CP1, form=form, expires_s=expires_s, owner="test", reason="end")
