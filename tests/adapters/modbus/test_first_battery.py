"""One battery, all the way: registers to batch, setpoint to registers, on a real socket."""

import math

import pytest

from adapters.modbus.factory import open_link
from tests.adapters.modbus.house import BAT, CLOCK, ESS, command, request, simulated, value
from vpp.domain.points import Quantity
from vpp.domain.setpoint import target
from vpp.ports.device import Beating, Polled, Writable


async def test_a_battery_is_identified_read_and_told_what_to_do() -> None:
    async with simulated() as city:
        port = city.ports["bus"].number
        async with open_link(request(port, ESS)) as link:
            battery = link.port(ESS.id)
            assert isinstance(battery, Polled)
            assert isinstance(battery, Writable)
            assert isinstance(battery, Beating)

            identity = await battery.identify()
            before = await battery.read()
            setpoint = target(
                BAT, 12.3, expires_s=CLOCK.monotonic() + 60, owner="test", reason="test"
            )
            answer = await battery.send(command(ESS, setpoint))
            await city.advance(3.0)
            after = await battery.read()

    assert (identity.maker, identity.model, identity.serial) == ("Hanbit", "ESS-50", "HB-1")
    assert value(before, BAT, Quantity.POWER_KW) == 0.0
    assert value(before, BAT, Quantity.SOC) == pytest.approx(0.4)
    held = value(before, BAT, Quantity.SETPOINT_KW)
    assert held is not None
    assert math.isnan(held)
    assert answer.echoed
    assert value(after, BAT, Quantity.SETPOINT_KW) == pytest.approx(12.3)
    assert value(after, BAT, Quantity.POWER_KW) == pytest.approx(12.3)
    assert value(after, BAT, Quantity.REVERSION_S) == pytest.approx(57, abs=1)
    assert before.points is after.points
    assert city.world.asset["bat"].power_w == pytest.approx(12_300)
