"""What is wrong with a link or device is told before anything is opened, with its path."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.modbus.factory import open_link
from simulators.wire import SimulatedCity
from tests.adapters.modbus.house import (
    BAT,
    BMS,
    ESS,
    GRID,
    HYBRID,
    METER,
    PV,
    ROOF,
    device,
    request,
    simulated,
)
from tests.adapters.profile.test_loader import GOOD
from vpp.domain.capability import Form
from vpp.domain.devices import Carried, Device
from vpp.domain.errors import ConfigurationError
from vpp.domain.points import Point, Quantity
from vpp.ports import plugins
from vpp.ports.device import Beating, Described, DevicePort, Polled, Writable


def problems(*devices: Device, port: int = 502, **options: Any) -> Mapping[str, str]:
    with pytest.raises(ConfigurationError) as caught:
        open_link(request(port, *devices, **options))
    return {m.path: m.problem for m in caught.value.mistakes}


async def opened(given: Device, **options: Any) -> DevicePort:
    async with open_link(request(502, given, **options)) as link:
        return link.port(given.id)


def test_it_is_found_by_its_name() -> None:
    assert plugins.load(plugins.ADAPTERS, "modbus") is open_link


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"unit": 300}, "devices.ess.options.unit"),
        ({"unit": "1"}, "devices.ess.options.unit"),
        ({"unti": 1}, "devices.ess.options.unti"),
        ({"timeout_s": 0}, "devices.ess.options.timeout_s"),
        ({"ac_rating_kw": -1.0}, "devices.ess.options.ac_rating_kw"),
    ],
)
def test_wrong_options_of_a_device(options: dict[str, Any], path: str) -> None:
    assert path in problems(replace(ESS, options=options))


def test_wrong_options_of_a_link() -> None:
    assert "links.link.options.max_clients" in problems(ESS, max_clients=0)
    assert "links.link.options.speed" in problems(ESS, speed=9600)
    assert "links.link" in problems(ESS, port=0)


def test_a_profile_that_does_not_exist_is_told_with_those_that_do() -> None:
    with pytest.raises(ConfigurationError, match="one of storedge, sunspec-bms"):
        open_link(request(502, replace(ESS, profile="sunspec-es")))


def test_two_devices_of_one_unit() -> None:
    found = problems(ESS, replace(METER, options={"unit": 1}))

    assert "'ess'" in found["devices.meter.options.unit"]


def test_what_a_profile_does_not_measure_or_cannot_write() -> None:
    cannot = device("m", "sunspec-bms", Carried(subject=BAT, writes=True))
    wrong = device("w", "sunspec-pv", Carried(subject=BAT))
    two = device("two", "sunspec-meter", Carried(subject=GRID), Carried(subject=ROOF))

    assert "cannot write 'bat'" in problems(cannot)["devices.m.carries"]
    assert "measures no battery" in problems(wrong)["devices.w.carries"]
    assert "one meter" in problems(two)["devices.two.carries"]


def test_a_hybrid_needs_its_shared_rating() -> None:
    bare = replace(HYBRID, options={"unit": 1})

    assert "AC rating" in problems(bare)["devices.hybrid.options.ac_rating_kw"]


async def test_facts_come_from_profile_ratings_and_options() -> None:
    battery = (await opened(ESS)).facts
    roof = (await opened(PV)).facts
    hybrid = (await opened(HYBRID)).facts

    assert battery.capabilities[BAT].forms == {Form.TARGET, Form.RELEASE, Form.STOP}
    assert (battery.capabilities[BAT].allowed.lo_kw, battery.capabilities[BAT].allowed.hi_kw) == (
        -40.0,
        50.0,
    )
    assert battery.capabilities[BAT].ramp_kw_per_s == pytest.approx(10.0)
    assert battery.heartbeat_s == 240.0
    assert roof.capabilities[ROOF].forms == {Form.CEILING, Form.RELEASE, Form.STOP}
    assert roof.heartbeat_s is None
    (shared,) = hybrid.shared_limits
    assert (shared.lo_kw, shared.hi_kw) == (-10.0, 10.0)
    assert shared.assets == {"hybat", "hypv"}


async def test_what_was_commissioned_overrides_the_profile() -> None:
    options = {
        "timeout_s": 0.4, "poll_period_s": 2.0, "value_age_s": 3.0, "dead_time_s": 0.5,
        "ramp_kw_per_s": 7.0, "heartbeat_s": 60.0,
    }  # fmt: skip
    facts = (await opened(replace(ESS, options=options))).facts

    assert (facts.timeout_s, facts.poll_period_s, facts.meter_age_s) == (0.4, 2.0, 3.0)
    assert facts.heartbeat_s == 60.0
    assert facts.capabilities[BAT].dead_time_s == 0.5
    assert facts.capabilities[BAT].ramp_kw_per_s == 7.0


async def test_only_what_is_written_can_be_written() -> None:
    read_only = await opened(BMS)

    assert isinstance(read_only, Polled)
    assert not isinstance(read_only, Writable)
    assert isinstance(await opened(PV), Writable)
    assert not isinstance(await opened(PV), Beating)


def test_what_will_be_measured_is_known_before_anything_is_opened() -> None:
    link = open_link(request(502, BMS, METER))
    assert isinstance(link, Described)
    assert {p.quantity for p in link.measures[METER.id] if p.subject == GRID} >= {
        Quantity.POWER_KW,
        Quantity.CURRENT_L1_A,
        Quantity.CURRENT_L3_A,
    }
    assert Point(subject=BAT, quantity=Quantity.POWER_KW) not in link.measures[BMS.id]


async def test_a_profile_of_your_own_is_found_in_your_folder(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(GOOD)
    mine = replace(ESS, profile="mine")

    facts = (await opened(mine, profiles=str(tmp_path))).facts
    assert facts.refresh_s is None, "its register of the time-out is stored"


def test_a_mistake_in_a_profile_of_your_own_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(GOOD.replace("type: i16", "type: i17"))
    with pytest.raises(ConfigurationError, match=r"mine\.yaml:6: points\.power\.type"):
        open_link(request(502, replace(ESS, profile="mine"), profiles=str(tmp_path)))


async def test_only_the_quantities_asked_for_are_read() -> None:
    chosen = device("bms", "sunspec-bms", Carried(subject=BAT, reads={Quantity.SOC: 0}), unit=1)
    async with simulated() as city, open_link(request(bms_port(city), chosen)) as link:
        port = link.port(chosen.id)
        assert isinstance(port, Polled)
        batch = await port.read()

    assert [point.quantity for point in batch.points] == [Quantity.SOC]


def bms_port(city: SimulatedCity) -> int:
    return city.ports["bms-link"].number
