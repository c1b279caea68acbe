"""Least times and starts a day, from a profile's text through the port into the tick."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from adapters.modbus.factory import open_link as open_modbus
from adapters.mqtt.factory import open_link as open_mqtt
from adapters.profile.loader import read_mqtt_profile, read_profile
from tests.adapters.profile.test_loader import GOOD
from tests.adapters.profile.test_mqtt_profiles import OWN
from tests.vpp.control.ticking.city import City, House, Store, city
from tests.vpp.control.ticking.plant import Plant, Run
from tests.vpp.control.ticking.runs import houses
from vpp.domain.arrays import Bools, Floats
from vpp.domain.devices import Link
from vpp.domain.errors import ConfigurationError
from vpp.domain.facts import DeviceFacts
from vpp.domain.ids import DeviceId
from vpp.ports.device import LinkRequest
from vpp.runtime.clocks import WireClock

ON_S, OFF_S, STARTS = 120.0, 60.0, 2
SAID = f"min_on_s: {ON_S:g}, min_off_s: {OFF_S:g}, starts_per_day: {STARTS}"
CONFIRM = "    confirm: {point: wish}"
TEXTS = {
    "modbus": GOOD.replace("stored", "volatile").replace(
        CONFIRM, "\n".join(f"    {one}" for one in SAID.split(", ")) + f"\n{CONFIRM}"
    ),
    "mqtt": OWN.partition("control:")[0].replace("min_interval_s: 15", "min_interval_s: 1")
    + f"control:\n  battery: {{forms: [target, stop], ramp_s: 0.1, {SAID}}}\n",
}
STORE = DeviceId("dev-bat0-0")


async def facts_of(protocol: str, of: City, folder: Path) -> DeviceFacts:
    """What the port of the first battery promises with a profile of one's own."""
    (folder / "mine.yaml").write_text(TEXTS[protocol])
    portfolio, clock = of.model.portfolio, WireClock()
    named = replace(
        portfolio.devices[STORE],
        adapter=protocol,
        profile="mine",
        options={"site": "house"} if protocol == "mqtt" else {},
    )
    link = Link(id=named.link, adapter=protocol, port=1, options={"profiles": str(folder)})
    request = LinkRequest(
        portfolio=portfolio.id,
        link=link,
        devices=(named,),
        assets=dict(portfolio.assets),
        city=clock,
        wire=clock,
    )
    async with (open_mqtt if protocol == "mqtt" else open_modbus)(request) as opened:
        return opened.port(STORE).facts


@pytest.mark.parametrize("protocol", TEXTS)
async def test_what_a_profile_says_of_switching_holds_in_the_tick(
    protocol: str, tmp_path: Path
) -> None:
    of = city([House(stores=[Store()]), *houses(1)])
    facts = await facts_of(protocol, of, tmp_path)
    (able,) = facts.capabilities.values()
    assert (able.min_on_s, able.min_off_s, able.starts_per_day) == (ON_S, OFF_S, STARTS)

    own = replace(of, model=replace(of.model, facts={**of.model.facts, STORE: facts}))
    on = told(own) != 0
    assert starts(on) == STARTS
    for sooner, later in pairwise(np.flatnonzero(np.diff(on.astype(int)))):
        assert later - sooner >= (ON_S if on[sooner + 1] else OFF_S)


def test_without_them_it_starts_more_often() -> None:
    assert starts(told(city([House(stores=[Store()]), *houses(1)])) != 0) > STARTS


def starts(on: Bools) -> int:
    return int((np.diff(on.astype(int)) == 1).sum())


def told(of: City) -> Floats:
    """What the first battery is told, tick by tick, while its house has a surplus by turns."""

    def load(now_s: float) -> Floats:
        return np.array([-12.0 if (now_s - 1000) % 80 < 40 else 0.0, 0.0])

    run = Run(Plant(city=of, load=load)).ticks(400)
    at = of.layout.asset_at[of.batteries[0]]
    return np.asarray(np.nan_to_num([result.wanted_kw[at] for result in run.results]))


@pytest.mark.parametrize(
    ("protocol", "read"), [("modbus", read_profile), ("mqtt", read_mqtt_profile)]
)
@pytest.mark.parametrize("wrong", ["min_on_s: -1", "min_off_s: .inf", "starts_per_day: 0"])
def test_a_rule_that_is_none_is_named(
    protocol: str, read: Callable[[str, str, str], object], wrong: str
) -> None:
    key = wrong.partition(":")[0]
    good = next(part for part in SAID.split(", ") if part.startswith(key))
    with pytest.raises(ConfigurationError, match=rf"control\.battery\.{key}"):
        read(TEXTS[protocol].replace(good, wrong), "mine", "mine.yaml")
