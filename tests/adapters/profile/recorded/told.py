"""Setpoints as the core tells them to a recorded device."""

import math
from collections.abc import Sequence

from tests.adapters.mqtt.cities import HandClock
from tests.adapters.profile.recorded.recording import Told, Words
from vpp.domain.capability import Form
from vpp.domain.ids import AssetId
from vpp.domain.setpoint import Setpoint

ASSETS = {"battery": AssetId("bat"), "pv": AssetId("roof")}
"""50 kW in and 40 kW out; 48 kW of peak."""
LIFE_S = 59.2
"""A device that counts whole seconds is told 60."""


def told(
    kind: str, verb: str, power_kw: float, safe: str, *arrives: tuple[int, Sequence[int]]
) -> Told:
    """What has to arrive at the device."""
    forms = {"release": Form.RELEASE, "stop": Form.STOP, "limit": Form.CEILING}
    form = forms.get(verb, Form.TARGET)
    setpoint = Setpoint(
        asset=ASSETS[kind],
        form=form,
        lo_kw=-math.inf if form in (Form.RELEASE, Form.STOP) else power_kw,
        hi_kw=power_kw if form is Form.TARGET else math.inf,
        expires_s=HandClock().monotonic() + LIFE_S,
        owner="test",
        reason="test",
    )
    requests: list[tuple[int, Words]] = [(address, tuple(words)) for address, words in arrives]
    return Told(kind=kind, verb=verb, safe=safe, setpoint=setpoint, arrives=requests)
