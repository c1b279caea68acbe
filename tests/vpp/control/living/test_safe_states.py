import math

import pytest

from tests.vpp.control.living.small_city import battery
from vpp.control.safe_states import Farewell, safe_setpoint
from vpp.domain.assets import Asset, EvCharger, Pv
from vpp.domain.capability import AllowedSet, Capability, Form
from vpp.domain.devices import SafeState
from vpp.domain.ids import AssetId, SiteId

SITE = SiteId("s1")
CAR = EvCharger(id=AssetId("c1"), site=SITE, max_kw=11.0, guaranteed_kw=4.2)
SUN = Pv(id=AssetId("p1"), site=SITE, peak_kw=8.0, curtailable=True)
OPEN = (-math.inf, math.inf)


@pytest.mark.parametrize(
    ("asset", "safe", "forms", "told"),
    [
        (battery(), SafeState.ZERO, {Form.STOP, Form.TARGET}, (Form.STOP, *OPEN)),
        (battery(), SafeState.ZERO, {Form.TARGET}, (Form.TARGET, 0.0, 0.0)),
        (battery(), SafeState.AUTONOMOUS, {Form.RELEASE, Form.STOP}, (Form.RELEASE, *OPEN)),
        (battery(), SafeState.AUTONOMOUS, {Form.TARGET}, (Form.TARGET, 0.0, 0.0)),
        (battery(), SafeState.FLOOR, {Form.STOP}, (Form.STOP, *OPEN)),
        (CAR, SafeState.FLOOR, {Form.CEILING}, (Form.CEILING, -math.inf, 4.2)),
        (CAR, SafeState.FLOOR, {Form.TARGET}, (Form.TARGET, 4.2, 4.2)),
        (CAR, SafeState.ZERO, {Form.CEILING}, (Form.CEILING, -math.inf, 0.0)),
        (SUN, SafeState.ZERO, {Form.CEILING}, (Form.CEILING, 0.0, math.inf)),
    ],
)
def test_the_setpoint_of_a_safe_state(
    asset: Asset, safe: SafeState, forms: set[Form], told: tuple[Form, float, float]
) -> None:
    capability = Capability(forms=frozenset(forms), allowed=AllowedSet.between(-10.0, 11.0))
    farewell = Farewell(owner="daemon", expires_s=60.0)
    made = safe_setpoint(asset, safe, capability, farewell)
    assert (made.form, made.lo_kw, made.hi_kw) == told
    assert (made.owner, made.expires_s) == ("daemon", 60.0)
