"""A device may change its scale factors while it is away; they hold for one connection."""

from dataclasses import replace

import pytest

from adapters.modbus.factory import open_link
from tests.adapters.modbus.house import BAT, command, request, value
from tests.adapters.mqtt.cities import HandClock
from tests.adapters.profile.recorded.sunspec import ESS
from tests.adapters.profile.test_every_write import Serving, recorded_device
from vpp.domain.errors import ConnectionLost
from vpp.domain.points import Quantity
from vpp.ports.device import Polled, Writable

W_SF, WSET_SF = 40186, 40332
FINER = replace(ESS, scales={**ESS.scales, W_SF: 0, WSET_SF: 0})
"""Counts watts, where it counted tens of them."""


async def test_scale_factors_are_read_anew_on_every_connection() -> None:
    one = recorded_device("sunspec-ess", "zero", "battery")
    async with Serving(one, ESS) as server:
        asked = replace(request(server.number, one), city=HandClock())
        async with open_link(asked) as link:
            port = link.port(one.id)
            assert isinstance(port, Polled)
            assert isinstance(port, Writable)
            await port.identify()
            coarse_kw = value(await port.read(), BAT, Quantity.POWER_KW)
            server.become(FINER)
            with pytest.raises(ConnectionLost):
                await port.read()
            fine_kw = value(await port.read(), BAT, Quantity.POWER_KW)
            await port.send(command(one, ESS.told[0].setpoint))
            told = {write.where: write.values for write in server.log}

    assert coarse_kw == pytest.approx(12.34)
    assert fine_kw == pytest.approx(1.234)
    assert told[40300] == (1, 0xFFFF, 0x10000 - 12_340), "in watts, what it had in tens of them"
