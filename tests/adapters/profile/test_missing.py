"""What a device does not have is missing, one by one, and never a number."""

from dataclasses import replace

import pytest

from adapters.modbus.factory import open_link
from tests.adapters.modbus.house import BAT, ESS, HYBAT, HYBRID, PV, ROOF, request, simulated, value
from vpp.domain.devices import Device
from vpp.domain.errors import WrongDevice
from vpp.domain.ids import AssetId
from vpp.domain.points import Quantity
from vpp.domain.quality import Quality
from vpp.ports.device import Polled

POINTS: list[tuple[Device, AssetId, str, Quantity]] = [
    (ESS, BAT, "W", Quantity.POWER_KW),
    (ESS, BAT, "W_SF", Quantity.POWER_KW),
    (ESS, BAT, "SoC", Quantity.SOC),
    (ESS, BAT, "Pct_SF", Quantity.SOC),
    (ESS, BAT, "SoH", Quantity.HEALTH),
    (ESS, BAT, "WHAvail", Quantity.AVAILABLE_KWH),
    (ESS, BAT, "TotWhInj", Quantity.ENERGY_OUT_KWH),
    (ESS, BAT, "TotWhAbs", Quantity.ENERGY_IN_KWH),
    (ESS, BAT, "WSetEna", Quantity.SETPOINT_KW),
    (PV, ROOF, "W", Quantity.POWER_KW),
    (PV, ROOF, "WMaxLimPctEna", Quantity.SETPOINT_KW),
    (PV, ROOF, "WMaxLimPctEna", Quantity.AVAILABLE_KW),
    (HYBRID, HYBAT, "power", Quantity.POWER_KW),
    (HYBRID, HYBAT, "soe", Quantity.SOC),
    (HYBRID, HYBAT, "control_mode", Quantity.SETPOINT_KW),
]
LINK = {"ess": "bus", "pv": "bus", "hybrid": "hybrid-link"}


@pytest.mark.parametrize("case", POINTS, ids=lambda case: f"{case[0].id}-{case[2]}-{case[3]}")
async def test_a_point_that_is_not_implemented_is_missing(
    case: tuple[Device, AssetId, str, Quantity],
) -> None:
    device, asset, point, quantity = case
    async with simulated() as city:
        await city.faults.inject(device.id, "sentinel", point=point)
        port_number = city.ports[LINK[device.id]].number
        async with open_link(request(port_number, device)) as link:
            port = link.port(device.id)
            assert isinstance(port, Polled)
            batch = await port.read()

    assert value(batch, asset, quantity) is None
    assert (batch.quality == Quality.GOOD).sum() >= 2


async def test_a_limit_that_is_not_set_falls_back_to_the_rating() -> None:
    async with simulated() as city:
        await city.faults.inject("ess", "sentinel", point="WChaRteMax")
        async with open_link(request(city.ports["bus"].number, ESS)) as link:
            port = link.port(ESS.id)
            assert isinstance(port, Polled)
            batch = await port.read()

    assert value(batch, BAT, Quantity.LIMIT_CHARGE_KW) == 50.0


async def test_a_device_without_the_models_of_its_profile_is_another_device() -> None:
    async with simulated() as city:
        wrong = replace(ESS, options={"unit": 4})
        async with open_link(request(city.ports["bus"].number, wrong)) as link:
            with pytest.raises(WrongDevice, match="lacks point W of SunSpec model 701"):
                await link.port(ESS.id).identify()
