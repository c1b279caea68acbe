"""A device of the convention is data too: a file of one's own is enough for another make."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.mqtt.factory import open_link
from adapters.profile.library import MQTT
from adapters.profile.loader import read_mqtt_profile
from tests.adapters.mqtt.cities import CP1, HUB, request, station_device
from tests.architecture.house import ROOT
from vpp.domain.capability import Form
from vpp.domain.errors import ConfigurationError, Mistake
from vpp.domain.facts import Confirm, DeviceFacts

OWN = """\
schema: 1
protocol: mqtt
title: A station of an invented make
source: the vendor's manual
convention: 1
telemetry: {period_s: 5}
commands:
  {refresh_s: 20, min_interval_s: 15, per_day: 400, confirm: {tolerance_kw: 0.3, within_s: 12}}
control:
  ev_charger: {forms: [target, stop], dead_time_s: 4, ramp_s: 11, resolution_kw: 0.23}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "slow-1.yaml").write_text(OWN)
    return tmp_path


async def facts(profile: str, folder: Path | None = None, **options: Any) -> DeviceFacts:
    """As the core sees them, before the station has called in."""
    device = replace(station_device(**options), profile=profile)
    own: Mapping[str, Any] = {} if folder is None else {"profiles": str(folder)}
    async with open_link(request(1, device, options=own)) as link:
        return link.port(HUB).facts


async def test_the_shipped_profile_is_the_convention_as_our_stations_speak_it() -> None:
    said = await facts("vpp-1")
    assert (said.poll_period_s, said.refresh_s, said.min_write_interval_s) == (1.0, 10.0, 5.0)
    assert (said.confirm, said.atomic_reversal) == (Confirm(tolerance_kw=0.1, within_s=5.0), True)
    able = said.capabilities[CP1]
    assert able.forms == {Form.CEILING, Form.TARGET, Form.RELEASE, Form.STOP}
    assert (able.dead_time_s, able.ramp_kw_per_s, able.resolution_kw) == (1.0, 11 / 3, 0.1)


async def test_another_make_is_a_file_and_nothing_else(folder: Path) -> None:
    said = await facts("slow-1", folder)
    assert (said.poll_period_s, said.refresh_s, said.min_write_interval_s) == (5.0, 20.0, 15.0)
    assert (said.writes_per_day, said.atomic_reversal) == (400, False)
    assert said.confirm == Confirm(tolerance_kw=0.3, within_s=12.0)
    able = said.capabilities[CP1]
    assert able.forms == {Form.TARGET, Form.STOP}
    assert (able.dead_time_s, able.ramp_kw_per_s, able.resolution_kw) == (4.0, 1.0, 0.23)


async def test_what_was_found_at_commissioning_overrides_the_profile(folder: Path) -> None:
    said = await facts("slow-1", folder, dead_time_s=0.0, ramp_s=22.0)
    able = said.capabilities[CP1]
    assert (able.dead_time_s, able.ramp_kw_per_s, said.poll_period_s) == (0.0, 0.5, 5.0)
    assert (await facts("slow-1", folder, period_s=2.0)).poll_period_s == 2.0


async def test_a_folder_of_ones_own_does_not_hide_what_is_shipped(folder: Path) -> None:
    assert (await facts("vpp-1", folder)).refresh_s == 10.0


def refusals(profile: str, folder: Path | None = None) -> tuple[Mistake, ...]:
    device = replace(station_device(), profile=profile)
    own: Mapping[str, Any] = {} if folder is None else {"profiles": str(folder)}
    with pytest.raises(ConfigurationError) as caught:
        open_link(request(1, device, options=own))
    return caught.value.mistakes


def test_an_unknown_profile_is_told_with_those_there_are(folder: Path) -> None:
    (wrong,) = refusals("vpp-2", folder)
    assert wrong.path == "devices.hub-1.profile"
    assert wrong.problem == "there is no MQTT profile 'vpp-2'"
    assert wrong.remedy == "one of slow-1, vpp-1"


def test_a_profile_for_another_protocol_says_so(folder: Path) -> None:
    modbus = (ROOT / "adapters/profiles/sunspec-pv.yaml").read_text()
    (folder / "roof.yaml").write_text(modbus)
    (wrong,) = refusals("roof", folder)
    assert (wrong.file, wrong.line, wrong.path) == (str(folder / "roof.yaml"), 2, "protocol")
    assert "'modbus'" in wrong.problem


def test_what_the_profile_does_not_steer_cannot_be_written(folder: Path) -> None:
    (folder / "dumb.yaml").write_text(OWN.partition("control:")[0])
    assert {wrong.path for wrong in refusals("dumb", folder)} == {"devices.hub-1.carries"}


WRONG = [
    ("schema: 1", "schema: 2", 1, "schema", "Input should be 1"),
    ("convention: 1", "convention: 2", 5, "convention", "Input should be 1"),
    ("period_s: 5", "period_s: 0", 6, "telemetry.period_s", "greater than 0"),
    ("period_s: 5", "periods: 5", 6, "telemetry.periods", "Extra inputs"),
    ("refresh_s: 20", 'refresh_s: "20"', 8, "commands.refresh_s", "valid number"),
    ("within_s: 12", "within_s: -1", 8, "commands.confirm.within_s", "greater than or equal"),
    ("per_day: 400", "per_day: 0", 8, "commands.per_day", "greater than 0"),
    ("ev_charger:", "load:", 10, "control.load", "'battery', 'pv' or 'ev_charger'"),
    ("[target, stop]", "[aim, stop]", 10, "control.ev_charger.forms[0]", "'target'"),
    ("[target, stop]", "[stop]", 10, "control.ev_charger.forms", "no form tells it a power"),
    ("ramp_s: 11, ", "", 10, "control.ev_charger", "required: ramp_s"),
    ("title: A", "titel: A", 3, "titel", "Extra inputs"),
]


@pytest.mark.parametrize(
    ("good", "wrong", "line", "path", "problem"),
    WRONG,
    ids=[f"{n}-{c[3]}" for n, c in enumerate(WRONG)],
)
def test_a_mistake_names_file_line_and_path(
    good: str, wrong: str, line: int, path: str, problem: str
) -> None:
    assert good in OWN
    with pytest.raises(ConfigurationError) as caught:
        read_mqtt_profile(OWN.replace(good, wrong, 1), "mine", "mine.yaml")
    found = caught.value.mistakes
    assert [m for m in found if (m.line, m.path) == (line, path) and problem in m.problem], found
    assert all(m.file == "mine.yaml" for m in found)


def test_the_example_of_the_reference_is_a_profile() -> None:
    page = (ROOT / "docs/reference/profiles.md").read_text()
    example = page.partition("protocol: mqtt")[0].rpartition("```yaml\n")[2] + (
        "protocol: mqtt" + page.partition("protocol: mqtt")[2].partition("```")[0]
    )
    assert read_mqtt_profile(example, "example", "profiles.md").control


@pytest.mark.parametrize("name", MQTT.names())
def test_every_shipped_profile_is_whole(name: str) -> None:
    assert MQTT.shipped(name).name == name
    assert MQTT.find(name, (), "devices.one.profile") is MQTT.shipped(name)
