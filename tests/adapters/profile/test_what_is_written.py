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
    ASSETS,
    BAT,
    CLOCK,
    ESS,
    HYBAT,
    HYBRID,
    HYBRID_ROOF,
    HYPV,
    PV,
    ROOF,
    command,
    request,
    simulated,
    value,
)
from tests.settled import settled
from tests.simulators.wire.clients import modbus, swapped_words, write
from vpp.domain.assets import Battery
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
    (HYBRID_ROOF, HYPV, Verb.LIMIT, Form.CEILING, -3.0, -3.0),
    (HYBRID_ROOF, HYPV, Verb.STOP, Form.STOP, NONE, 0.0),
    (HYBRID_ROOF, HYPV, Verb.RELEASE, Form.RELEASE, NONE, -7.8),
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
            if HYPV in device.written_assets:
                city.world.hybrid["hybrid"].battery.stop()
            yield city, found


async def read(port: object, asset: AssetId, quantity: Quantity) -> float | None:
    assert isinstance(port, Polled)
    return value(await port.read(), asset, quantity)


@pytest.mark.parametrize(("device", "asset"), [(PV, ROOF), (HYBRID_ROOF, HYPV)])
async def test_what_can_be_told_ends_where_the_inverter_does_and_is_read_back_as_it_is(
    device: Device, asset: AssetId
) -> None:
    async with opened(device) as (_, port):
        await read(port, asset, Quantity.POWER_KW)
        allowed = port.facts.capabilities[asset].allowed
        assert ASSETS[asset].rated.lo_kw < allowed.lo_kw < 0.0, "the panels' peak is above it"
        ceiling_kw = 0.99 * allowed.lo_kw
        await port.send(command(device, setpoint(asset, Form.CEILING, ceiling_kw)))
        held = await read(port, asset, Quantity.SETPOINT_KW)
        assert held == pytest.approx(ceiling_kw, abs=port.facts.confirm.tolerance_kw)


def test_every_recipe_is_tried_here() -> None:
    written = {
        (name, verb)
        for name in MODBUS.names()
        for control in MODBUS.shipped(name).control.values()
        for verb in control.recipes
    }

    assert {(case[0].profile, case[2]) for case in CASES} == written


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[1]}-{case[2]}")
async def test_the_asset_does_what_it_was_told(case: Case) -> None:
    device, asset, _, form, power_kw, then_kw = case
    async with opened(device) as (city, port):
        before = setpoint(
            asset, Form.TARGET if isinstance(ASSETS[asset], Battery) else Form.CEILING, -1.0
        )
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


@pytest.mark.parametrize(("safe", "then_kw"), [("autonomous", -7.8), ("zero", 0.0)])
async def test_a_curtailed_hybrid_falls_back_when_its_limit_is_not_told_again(
    safe: str, then_kw: float
) -> None:
    device = replace(HYBRID_ROOF, safe=SafeState(safe))
    async with opened(device) as (city, port):
        assert port.facts.watchdog_s == 300.0
        await port.send(command(device, setpoint(HYPV, Form.CEILING, -3.0)))
        await city.advance(290)
        during = await read(port, HYPV, Quantity.POWER_KW)
        await city.advance(20)
        after = await read(port, HYPV, Quantity.POWER_KW)

    assert during == pytest.approx(-3.0, abs=0.05)
    assert after == pytest.approx(then_kw, abs=SUN_MOVES_KW)


async def test_a_limit_told_again_writes_nothing_into_flash() -> None:
    async with opened(HYBRID_ROOF) as (city, port):
        for power_kw in (-3.0, -3.5, -3.0):
            await port.send(command(HYBRID_ROOF, setpoint(HYPV, Form.CEILING, power_kw)))
            await read(port, HYPV, Quantity.POWER_KW)
        addresses = [write.where for write in city.write_log.of("hybrid")]

    assert [addresses.count(at) for at in (62208, 62224, 62242)] == [1, 1, 3]


async def test_a_curtailed_hybrid_charges_with_what_it_may_not_give() -> None:
    async with opened(HYBRID_ROOF) as (city, port):
        await port.send(command(HYBRID_ROOF, setpoint(HYPV, Form.CEILING, -3.0)))
        city.world.hybrid["hybrid"].battery.command(2000.0, None)
        await city.advance(20)
        pv_kw = await read(port, HYPV, Quantity.POWER_KW)
        battery_kw = await read(port, HYBAT, Quantity.POWER_KW)
        available = await read(port, HYPV, Quantity.AVAILABLE_KW)

    assert pv_kw == pytest.approx(-5.0, abs=0.05)
    assert battery_kw == pytest.approx(2.0, abs=0.05)
    assert available is None, "what the sun would give is not known under a limit"


@pytest.mark.parametrize(("mode", "then_kw"), [(1, 0.0), (2, 7.8)])
async def test_a_hybrid_that_another_lets_charge_by_the_sun_holds_no_setpoint_of_ours(
    mode: int, then_kw: float
) -> None:
    async with simulated() as city:
        link = city.ports[LINK["hybrid"]].number
        async with modbus(link) as another:  # the device takes one client at a time
            await write(another, 57348, [4])
            await write(another, 57357, [mode, *swapped_words(10_000.0)])
        await city.advance(20)
        await settled()  # the device has seen the other one leave
        async with open_link(request(link, HYBRID)) as ours:
            port = ours.port(HYBRID.id)
            held = await read(port, HYBAT, Quantity.SETPOINT_KW)
            power_kw = await read(port, HYBAT, Quantity.POWER_KW)

    assert held is not None
    assert math.isnan(held)
    assert power_kw == pytest.approx(then_kw, abs=SUN_MOVES_KW)


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
