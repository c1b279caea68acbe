"""Every field of the convention: what it says, sign and unit, and what is told as it leaves."""

import json
import math
from typing import Any

import msgspec
import pytest

from adapters.mqtt.commands import payload_of
from adapters.mqtt.messages import TELEMETRY, TelemetryAsset
from adapters.mqtt.readings import Readings
from adapters.profile.library import MQTT
from tests.adapters.mqtt.cities import CP1, HandClock, command
from tests.adapters.mqtt.stations import now_text
from tests.adapters.mqtt.test_simulated_station import rig
from vpp.domain.capability import Form
from vpp.domain.devices import Carried, Device
from vpp.domain.ids import AssetId, DeviceId, LinkId
from vpp.domain.points import OperatingState, Point, Quantity
from vpp.domain.quality import Quality
from vpp.domain.setpoint import Setpoint

SAID: dict[str, tuple[Any, float]] = {
    "power_kw": (-12.4, -12.4),
    "soc": (0.63, 0.63),
    "available_kwh": (75.6, 75.6),
    "health": (0.97, 0.97),
    "energy_in_kwh": (20_110.5, 20_110.5),
    "energy_out_kwh": (18_640.25, 18_640.25),
    "limit_charge_kw": (50, 50.0),
    "limit_discharge_kw": (45.5, 45.5),
    "available_kw": (31.3, 31.3),
    "current_l1_a": (5.2, 5.2),
    "current_l2_a": (-4.6, -4.6),
    "current_l3_a": (4.4, 4.4),
    "reversion_s": (41, 41.0),
    "uptime_s": (86_400, 86_400.0),
    "setpoint_kw": (-12.5, -12.5),
    "state": ("running", float(OperatingState.RUNNING)),
}
"""As it stands in the payload, and as the core has it: house units and sign on both sides."""
BATTERY = AssetId("bat")


def test_every_field_that_a_device_may_measure_has_a_case() -> None:
    fields = {field.name for field in msgspec.structs.fields(TelemetryAsset)}

    assert SAID.keys() == fields - {"quality"}


@pytest.mark.parametrize("name", SAID)
def test_a_field_says_what_the_convention_says(name: str) -> None:
    quantity = Quantity(name)
    device = Device(
        id=DeviceId("ess"),
        link=LinkId("link"),
        adapter="mqtt",
        profile="vpp-1",
        carries=(Carried(subject=BATTERY, reads={quantity: 1}, writes=True),),
    )
    said = {"ts": now_text(), "seq": 1, "assets": {BATTERY: {n: v for n, (v, _) in SAID.items()}}}
    message = TELEMETRY.read(json.dumps(said).encode())
    batch = Readings(device, {}).batch(message, arrived_s=0.0, age_s=0.0, alarms=(), boot=1)

    assert batch is not None
    at = batch.points.index(Point(subject=BATTERY, quantity=quantity))
    assert (batch.values[at], batch.quality[at]) == (SAID[name][1], Quality.GOOD)


INF = math.inf
TOLD: dict[tuple[str, Form], tuple[float, float, dict[str, float]]] = {
    ("battery", Form.TARGET): (-12.4, -12.4, {"power_kw": -12.4, "lo_kw": -12.4, "hi_kw": -12.4}),
    ("battery", Form.WINDOW): (-5.0, 20.0, {"lo_kw": -5.0, "hi_kw": 20.0}),
    ("battery", Form.STOP): (-INF, INF, {"power_kw": 0.0}),
    ("battery", Form.RELEASE): (-INF, INF, {}),
    ("pv", Form.CEILING): (-20.0, INF, {"power_kw": -20.0, "lo_kw": -20.0}),
    ("pv", Form.STOP): (-INF, INF, {"power_kw": 0.0}),
    ("pv", Form.RELEASE): (-INF, INF, {}),
    ("ev_charger", Form.CEILING): (-INF, 7.5, {"power_kw": 7.5, "hi_kw": 7.5}),
    ("ev_charger", Form.TARGET): (6.9, 6.9, {"power_kw": 6.9, "lo_kw": 6.9, "hi_kw": 6.9}),
    ("ev_charger", Form.STOP): (-INF, INF, {"power_kw": 0.0}),
    ("ev_charger", Form.RELEASE): (-INF, INF, {}),
}
"""Bounds of a setpoint, and the powers in its message."""


def test_every_form_of_every_kind_of_the_profiles_has_a_case() -> None:
    profiles = [MQTT.shipped(name) for name in MQTT.names()]

    assert TOLD.keys() == {
        (kind, form) for p in profiles for kind, able in p.control.items() for form in able.forms
    }


@pytest.mark.parametrize(("kind", "form"), TOLD)
def test_a_setpoint_leaves_in_house_units_and_sign(kind: str, form: Form) -> None:
    clock, (lo_kw, hi_kw, powers) = HandClock(), TOLD[kind, form]
    setpoint = Setpoint(
        asset=AssetId(kind), form=form, lo_kw=lo_kw, hi_kw=hi_kw,
        expires_s=clock.monotonic() + 60, owner="test", reason="because",
    )  # fmt: skip
    sent = command(clock, setpoint=setpoint, command_id="c-1", epoch=3, seq=42)

    assert json.loads(payload_of(sent, now=clock.now(), valid_s=60)) == {
        "id": "c-1", "ts": "2026-07-15T09:16:40.000Z", "valid_s": 60, "epoch": 3, "seq": 42,
        "asset": kind, "form": form.value, "reason": "because", **powers,
    }  # fmt: skip


@pytest.mark.parametrize("form", [Form.CEILING, Form.TARGET])
async def test_what_arrives_at_the_station_is_what_it_offers(form: Form) -> None:
    async with rig() as it:
        setpoint = Setpoint(
            asset=CP1, form=form, lo_kw=7.5 if form is Form.TARGET else -INF, hi_kw=7.5,
            expires_s=it.clock.monotonic() + 600, owner="test", reason="surplus",
        )  # fmt: skip
        await it.port.send(command(it.clock, setpoint=setpoint))
        (arrived,) = it.city.write_log
        offer_w = it.unit.offer_w

    assert (arrived.values["form"], arrived.values["power_kw"]) == (form.value, 7.5)
    assert offer_w == 7_500.0
