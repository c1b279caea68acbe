"""The contract of adapters. An adapter joins by giving ``WORLDS`` a world of its own.

A polled device shows a fault where it is asked for a round of its points. A streaming one is never
asked: that it is gone shows in ``connected``, and that it hangs where it is written.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np
import pytest

from tests.adapters.modbus.house import CLOCK, command, value
from tests.adapters.mqtt.waiting import until
from tests.contract.blueprint_world import blueprint_world
from tests.contract.modbus_world import modbus_world
from tests.contract.mqtt_world import mqtt_world
from tests.contract.world import World, Worlds
from tests.settled import settled
from vpp.domain.batch import Batch
from vpp.domain.capability import Form
from vpp.domain.command import Answer
from vpp.domain.errors import (
    ConfigurationError,
    ConnectionLost,
    NoAnswer,
    Refused,
    Retryable,
)
from vpp.domain.points import Point, Quantity
from vpp.domain.quality import Quality
from vpp.domain.setpoint import Setpoint, target
from vpp.ports.device import DevicePort, OpenLink, Polled, Streaming, Writable

WORLDS: dict[str, Worlds] = {
    "modbus": modbus_world,
    "mqtt": mqtt_world,
    "blueprint": blueprint_world,
}
AT_ONCE_S = 4.0
"""Below what a keep-alive takes to find out, with room for a busy machine."""


@pytest.fixture(params=[*WORLDS.values()], ids=[*WORLDS])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    worlds: Worlds = request.param
    async with worlds() as opened:
        yield opened


@pytest.fixture
async def link(world: World) -> AsyncIterator[OpenLink]:
    """The link with both devices, which are there and identified."""
    async with world.adapter(world.request(world.first, world.second)) as opened:
        await world.appear()
        for device in (world.first, world.second):
            await opened.port(device.id).identify()
        yield opened


async def measure(port: DevicePort) -> Batch:
    """One batch, however it comes."""
    if isinstance(port, Polled):
        return await port.read()
    assert isinstance(port, Streaming)
    async for batch in port.batches():
        if len(batch.points):
            return batch
    raise AssertionError("batches ended")


async def ask(world: World, link: OpenLink) -> None:
    """Have the first device asked for something."""
    port = link.port(world.first.id)
    if isinstance(port, Polled):
        await port.read()
    else:
        await tell(world, link, hold(world, 5.0))


async def gone(port: DevicePort) -> None:
    """The port knows that nobody is there, and not because time has run out."""
    if isinstance(port, Polled):
        with pytest.raises(ConnectionLost):
            await port.read()
        return
    assert isinstance(port, Streaming)
    await until(lambda: not port.connected, within_s=AT_ONCE_S)
    assert port.trouble


async def noticed(port: DevicePort) -> None:
    """Whatever has happened to the connection by now has reached the port."""
    if isinstance(port, Streaming):
        await until(lambda: not port.connected)
    await settled()


async def tell(world: World, link: OpenLink, setpoint: Setpoint) -> Answer:
    port = link.port(world.first.id)
    assert isinstance(port, Writable)
    return await port.send(command(world.first, setpoint))


def hold(world: World, power_kw: float, life_s: float = 60.0) -> Setpoint:
    return target(
        world.battery,
        power_kw,
        expires_s=CLOCK.monotonic() + life_s,
        owner="contract",
        reason="contract",
    )


def timeout_s(world: World, link: OpenLink) -> float:
    return link.port(world.first.id).facts.timeout_s


# Who is there


async def test_a_port_exists_for_every_device_before_it_is_there(world: World) -> None:
    await world.vanish()
    async with world.adapter(world.request(world.first, world.second)) as link:
        port = link.port(world.first.id)

        assert isinstance(port, DevicePort)
        assert world.battery in port.facts.capabilities
        with pytest.raises(ConnectionLost):
            await port.identify()


async def test_a_device_says_who_it_is(world: World, link: OpenLink) -> None:
    identity = await link.port(world.first.id).identify()

    assert identity.serial
    assert world.first.identity.contradicts(identity) is None


async def test_a_device_other_than_the_configured_one_is_seen_to_be_another(
    world: World, link: OpenLink
) -> None:
    identity = await link.port(world.first.id).identify()

    assert replace(identity, serial="another").contradicts(identity) is not None


async def test_options_that_mean_nothing_are_refused_where_they_stand(world: World) -> None:
    odd = replace(world.first, options={**world.first.options, "colour": "red"})

    with pytest.raises(ConfigurationError) as caught:
        world.adapter(world.request(odd, world.second))

    assert any(m.path.endswith(".options.colour") for m in caught.value.mistakes)


# Reading


async def test_a_batch_is_whole_and_read_only(world: World, link: OpenLink) -> None:
    port = link.port(world.first.id)
    first, second = await measure(port), await measure(port)

    assert first.device == world.first.id
    assert first.points is second.points
    assert not first.values.flags.writeable
    assert first.measured_s <= first.arrived_s <= CLOCK.monotonic()
    missing = first.quality == Quality.MISSING
    assert np.isnan(first.values[missing]).all()
    setpoint = Point(subject=world.battery, quantity=Quantity.SETPOINT_KW)
    usable = [p for p, v in zip(first.points, first.values, strict=True) if not math.isnan(v)]
    assert Point(subject=world.battery, quantity=Quantity.POWER_KW) in usable
    assert setpoint in first.points
    assert setpoint not in usable


async def test_a_battery_that_was_told_nothing_holds_none(world: World, link: OpenLink) -> None:
    batch = await measure(link.port(world.first.id))

    held = value(batch, world.battery, Quantity.SETPOINT_KW)
    assert held is not None
    assert math.isnan(held)


@pytest.mark.parametrize("power_kw", [5.0, -5.0])
async def test_positive_is_into_the_asset_on_the_way_out_and_back(
    world: World, link: OpenLink, power_kw: float
) -> None:
    answer = await tell(world, link, hold(world, power_kw))
    await world.settle()
    batch = await measure(link.port(world.first.id))

    assert answer.echoed
    assert world.power_kw() == pytest.approx(power_kw, abs=0.05)
    assert value(batch, world.battery, Quantity.POWER_KW) == pytest.approx(power_kw, abs=0.05)
    assert value(batch, world.battery, Quantity.SETPOINT_KW) == pytest.approx(power_kw, abs=0.05)


# Writing


async def test_zero_and_release_are_told_apart(world: World, link: OpenLink) -> None:
    port = link.port(world.first.id)
    await tell(world, link, hold(world, 0.0))
    zero = value(await measure(port), world.battery, Quantity.SETPOINT_KW)
    release = replace(hold(world, 0.0), form=Form.RELEASE, lo_kw=-math.inf, hi_kw=math.inf)
    await tell(world, link, release)
    none = value(await measure(port), world.battery, Quantity.SETPOINT_KW)

    assert zero == 0.0
    assert none is not None
    assert math.isnan(none)


async def test_a_setpoint_that_has_expired_is_not_sent(world: World, link: OpenLink) -> None:
    with pytest.raises(Refused, match="not sent"):
        await tell(world, link, hold(world, 5.0, life_s=-1.0))

    assert world.writes() == 0


async def test_a_refusal_is_told_as_one(world: World, link: OpenLink) -> None:
    await measure(link.port(world.first.id))
    await world.refuse()

    with pytest.raises(Refused):
        await tell(world, link, hold(world, 5.0))
    await world.settle()
    assert world.power_kw() == 0.0


async def test_a_write_without_an_answer_is_unknown_and_never_repeated(
    world: World, link: OpenLink
) -> None:
    await measure(link.port(world.first.id))
    await world.silence()

    with pytest.raises(NoAnswer):
        await tell(world, link, hold(world, 5.0))
    await asyncio.sleep(2 * timeout_s(world, link))

    assert world.writes() == 1


# Faults


async def test_a_reset_is_known_at_once_and_the_next_call_after_it_works(
    world: World, link: OpenLink
) -> None:
    port = link.port(world.first.id)
    await world.reset()
    await gone(port)
    await world.recover()

    assert (await measure(port)).device == world.first.id


async def test_a_hang_is_known_after_the_time_out(world: World, link: OpenLink) -> None:
    await world.silence()
    before = time.monotonic()
    with pytest.raises(NoAnswer):
        await ask(world, link)
    took_s = time.monotonic() - before

    assert 0.9 * timeout_s(world, link) < took_s < 1.1 * timeout_s(world, link) + AT_ONCE_S


async def test_a_silent_device_leaves_the_others_of_its_link_alone(
    world: World, link: OpenLink
) -> None:
    await world.silence()
    for _ in range(2):
        with pytest.raises(Retryable):
            await ask(world, link)
        batch = await measure(link.port(world.second.id))
        assert batch.device == world.second.id


async def test_a_device_that_comes_back_is_read_again(world: World, link: OpenLink) -> None:
    port = link.port(world.first.id)
    await world.vanish()
    for _ in range(2):
        await gone(port)
    await world.recover()
    await port.identify()

    assert (await measure(port)).device == world.first.id


async def test_nothing_is_written_over_a_connection_that_was_lost(
    world: World, link: OpenLink
) -> None:
    await measure(link.port(world.first.id))
    await world.vanish()
    await noticed(link.port(world.first.id))

    with pytest.raises(ConnectionLost, match="not sent"):
        await tell(world, link, hold(world, 5.0))
    assert world.writes() == 0


async def test_a_round_that_is_cancelled_leaves_no_trace(world: World, link: OpenLink) -> None:
    port = link.port(world.first.id)
    await world.silence()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(_measuring(port), 0.3)
    await world.recover()

    assert (await measure(port)).device == world.first.id


async def _measuring(port: DevicePort) -> None:
    """Also past what was under way when the device fell silent."""
    while True:
        await measure(port)


async def test_leaving_a_link_ends_whatever_it_began(world: World) -> None:
    before = len(asyncio.all_tasks())
    async with world.adapter(world.request(world.first, world.second)) as link:
        await world.appear()
        await link.port(world.first.id).identify()
        await world.silence()
        waiting = asyncio.create_task(_measuring(link.port(world.first.id)))
        await asyncio.sleep(0.05)
    with pytest.raises(ConnectionLost):  # its time has not run out
        await waiting
    await world.vanish()
    await until(lambda: len(asyncio.all_tasks()) <= before)
