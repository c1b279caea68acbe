"""What Prometheus is told of devices and of what those in shadow would hold."""

import pytest

from tests.vpp.control.living.small_city import battery, battery_device, battery_facts, city_of
from vpp.control.inputs import Alarm, Timing
from vpp.control.state_table import StateTable
from vpp.domain.capability import Form
from vpp.domain.devices import Authority
from vpp.domain.ids import AssetId, DeviceId, PoolId
from vpp.domain.ladder import Rung
from vpp.domain.setpoint import Setpoint, ceiling, target
from vpp.runtime.clocks import WireClock
from vpp.runtime.metrics import FleetMetrics, standing
from vpp.runtime.score import Reached

B1 = AssetId("b1")


def told(shadows: dict[AssetId, Setpoint]) -> str:
    portfolio = city_of([battery()], [battery_device()])
    facts = {DeviceId("d1"): battery_facts()}
    table = StateTable(portfolio, facts, Timing(), lambda _: Authority.SHADOW)
    snapshot = table.freeze(1, WireClock().now(), 1.0)
    return FleetMetrics(portfolio, table.layout).text(snapshot, Reached(), shadows).decode()


def test_the_authority_of_every_device_is_a_series() -> None:
    assert 'vpp_device_authority{device="d1",authority="shadow"} 1\n' in told({})


@pytest.mark.parametrize(
    ("setpoint", "watts"),
    [
        (target(B1, -2.5, expires_s=60.0, owner="plan", reason="r"), "-2500"),
        (ceiling(B1, 7.0, producing=False, expires_s=60.0, owner="p", reason="r"), "7000"),
        (ceiling(B1, 7.0, producing=True, expires_s=60.0, owner="p", reason="r"), "-7000"),
        (Setpoint(asset=B1, form=Form.STOP, expires_s=60.0, owner="p", reason="r"), "0"),
    ],
)
def test_what_a_device_in_shadow_would_hold_is_a_gauge(setpoint: Setpoint, watts: str) -> None:
    assert f'vpp_asset_shadow_setpoint_watts{{asset="b1"}} {watts}\n' in told({B1: setpoint})


def test_rungs_and_alarms_are_gauges_that_a_rule_can_watch() -> None:
    alarms = [Alarm(code="OFFLINE", subject=device, text="t") for device in ("d1", "d2")]
    text = standing({PoolId("north"): Rung.SURPLUS_RULE}, alarms).decode()
    assert 'vpp_pool_rung{pool="north"} 2\n' in text
    assert 'vpp_alarms_by_code{code="OFFLINE"} 2\n' in text


def test_a_release_asks_for_no_power() -> None:
    released = Setpoint(asset=B1, form=Form.RELEASE, expires_s=60.0, owner="p", reason="r")
    assert "vpp_asset_shadow_setpoint_watts{" not in told({B1: released})
