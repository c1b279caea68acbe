"""Every recipe of every shipped profile: what the physics does when it is told."""

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from adapters.modbus.factory import open_link
from adapters.profile.library import MODBUS
from simulators.wire import SimulatedCity
from tests.adapters.modbus.house import (
    BAT,
    CLOCK,
    ESS,
    HYBAT,
    HYBRID,
    PV,
    ROOF,
    command,
    request,
    simulated,
    value,
)
from vpp.domain.capability import Form
from vpp.domain.command import Verb
from vpp.domain.devices import Device, SafeState
from vpp.domain.errors import Refused
from vpp.domain.ids import AssetId
from vpp.domain.points import Quantity
from vpp.domain.setpoint import Setpoint
from vpp.ports.device import Beating, Polled, Writable

Case = tuple[Device, AssetId, Verb, Form, float, float]
"""Device, asset, recipe, form, setpoint and what the asset does then, kW."""
NONE = math.nan
CASES: list[Case] = [
    (ESS, BAT, Verb.CHARGE, Form.TARGET, 12.3, 12.3),
    (ESS, BAT, Verb.DISCHARGE, Form.TARGET, -7.8, -7.8),
    (ESS, BAT, Verb.IDLE, Form.TARGET, 0.0, 0.0),
    (ESS, BAT, Verb.STOP, Form.STOP, NONE, 0.0),
    (ESS, BAT, Verb.RELEASE, Form.RELEASE, NONE, 0.0),
    (PV, ROOF, Verb.LIMIT, Form.CEILING, -10.0, -10.0),
    (PV, ROOF, Verb.STOP, Form.STOP, NONE, 0.0),
    (PV, ROOF, Verb.RELEASE, Form.RELEASE, NONE, -31.3),
    (HYBRID, HYBAT, Verb.CHARGE, Form.TARGET, 4.2, 4.2),
    (HYBRID, HYBAT, Verb.DISCHARGE, Form.TARGET, -1.5, -1.5),
    (HYBRID, HYBAT, Verb.IDLE, Form.TARGET, 0.0, 0.0),
    (HYBRID, HYBAT, Verb.STOP, Form.STOP, NONE, 0.0),
    (HYBRID, HYBAT, Verb.RELEASE, Form.RELEASE, NONE, 10.0),
]
SUN_MOVES_KW = 1.5
LINK = {"ess": "bus", "pv": "bus", "hybrid": "hybrid-link"}


def setpoint(asset: AssetId, form: Form, power_kw: float, life_s: float = 60.0) -> Setpoint:
    lo = -math.inf if math.isnan(power_kw) else power_kw
    hi = power_kw if form is Form.TARGET else math.inf
    return Setpoint(
        asset=asset,
        form=form,
        lo_kw=lo,
        hi_kw=hi,
        expires_s=CLOCK.monotonic() + life_s,
        owner="test",
        reason="test",
    )


@asynccontextmanager
async def opened(device: Device) -> AsyncIterator[tuple[SimulatedCity, Writable]]:
    async with simulated(devices={"hybrid": {"watchdog_s": None}}) as city:
        port = city.ports[LINK[device.id]].number
        async with open_link(request(port, device)) as link:
            found = link.port(device.id)
            await found.identify()
            assert isinstance(found, Writable)
            yield city, found


async def read(port: object, asset: AssetId, quantity: Quantity) -> float | None:
    assert isinstance(port, Polled)
    return value(await port.read(), asset, quantity)


def test_every_recipe_is_tried_here() -> None:
    written = {
        (name, verb)
        for name in MODBUS.names()
        for control in MODBUS.shipped(name).control.values()
        for verb in control.recipes
    }

    assert {(case[0].profile, case[2]) for case in CASES} == written


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0].id}-{case[2]}")
async def test_the_asset_does_what_it_was_told(case: Case) -> None:
    device, asset, _, form, power_kw, then_kw = case
    async with opened(device) as (city, port):
        before = setpoint(asset, Form.CEILING if device is PV else Form.TARGET, -1.0)
        await port.send(command(device, before))
        answer = await port.send(command(device, setpoint(asset, form, power_kw)))
        await city.advance(20)
        held = await read(port, asset, Quantity.SETPOINT_KW)

        assert answer.echoed
        assert all(write.accepted for write in city.write_log)
        truth_kw = city.world.asset[asset].power_w / 1000
        assert truth_kw == pytest.approx(
            then_kw, abs=SUN_MOVES_KW if form is Form.RELEASE else 0.05
        )
        assert held is not None
        if form is Form.RELEASE:
            assert math.isnan(held)
        else:
            assert held == pytest.approx(0.0 if math.isnan(power_kw) else power_kw, abs=0.02)


CASES_OF_LIFE: list[tuple[Device, AssetId, SafeState, Callable[[float], bool]]] = [
    (ESS, BAT, SafeState.ZERO, lambda kw: kw == 0.0),
    (HYBRID, HYBAT, SafeState.ZERO, lambda kw: kw == 0.0),
    (HYBRID, HYBAT, SafeState.AUTONOMOUS, math.isnan),
]


@pytest.mark.parametrize("case", CASES_OF_LIFE, ids=lambda case: f"{case[0].id}-{case[2]}")
async def test_the_device_falls_back_when_the_life_of_a_command_ends(
    case: tuple[Device, AssetId, SafeState, Callable[[float], bool]],
) -> None:
    device, asset, safe, fallen_back = case
    configured = replace(device, safe=safe)
    async with opened(configured) as (city, port):
        await port.send(command(device, setpoint(asset, Form.TARGET, 3.0, life_s=30.0)))
        await city.advance(25)
        during = await read(port, asset, Quantity.SETPOINT_KW)
        await city.advance(10)
        after = await read(port, asset, Quantity.SETPOINT_KW)

    assert during == pytest.approx(3.0)
    assert after is not None
    assert fallen_back(after)


async def test_what_is_kept_in_flash_is_written_once_and_the_rest_every_time() -> None:
    async with opened(HYBRID) as (city, port):
        for power_kw in (2.0, 2.5, 3.0):
            await port.send(command(HYBRID, setpoint(HYBAT, Form.TARGET, power_kw)))
            await read(port, HYBAT, Quantity.POWER_KW)
        addresses = [write.where for write in city.write_log.of("hybrid")]

    assert addresses.count(57348) == 1
    assert addresses.count(57355) == 3
    assert port.facts.refresh_s == 10.0


async def test_a_limit_above_what_the_roof_can_give_is_all_of_it() -> None:
    async with opened(PV) as (city, port):
        await port.send(command(PV, setpoint(ROOF, Form.CEILING, -48.0)))
        await city.advance(20)

        assert await read(port, ROOF, Quantity.POWER_KW) == pytest.approx(-31.3, abs=SUN_MOVES_KW)


async def test_a_power_that_does_not_fit_its_register_is_not_sent() -> None:
    async with opened(ESS) as (city, port):
        with pytest.raises(Refused, match=r"ess: not sent: WSet at \d+"):
            await port.send(command(ESS, setpoint(BAT, Form.TARGET, 1e9)))

        assert len(city.write_log) == 0


async def test_the_heartbeat_changes_every_time_and_keeps_the_setpoint_alive() -> None:
    async with opened(ESS) as (city, port):
        assert isinstance(port, Beating)
        await port.send(command(ESS, setpoint(BAT, Form.TARGET, 5.0, life_s=900.0)))
        await read(port, BAT, Quantity.POWER_KW)
        for _ in range(4):
            await city.advance(200)
            await port.beat()
        power_kw = await read(port, BAT, Quantity.POWER_KW)
        beats = [w.values for w in city.write_log.of("ess") if w.where == 40372]

    assert power_kw == pytest.approx(5.0)
    assert len(set(beats)) == 4
