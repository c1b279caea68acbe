"""A profile that is wrong says where, and what would be right."""

import pytest

from adapters.modbus.fitting import profile_mistakes
from adapters.profile.library import MODBUS
from adapters.profile.loader import read_profile
from adapters.profile.profile import Profile
from tests.architecture.house import ROOT
from vpp.domain.errors import ConfigurationError, Mistake

GOOD = """\
schema: 1
protocol: modbus
title: A battery
source: invented
points:
  power: {address: 10, type: i16, unit: W, sign: into_asset_positive}
  soc: {address: 11, type: u16, unit: 0.1 %}
  mode: {address: 20, type: u16, write: {persistence: volatile}}
  wish:
    {address: 21, type: i32, unit: W, sign: out_of_asset_positive, write: {persistence: volatile}}
  life: {address: 23, type: u16, unit: min, write: {persistence: stored}}
readings:
  battery:
    power_kw: power
    soc: soc
    setpoint_kw:
      - {when: {mode: 1}, of: wish}
      - {when: {mode: 0}, is: none}
control:
  battery:
    confirm: {point: wish}
    watchdog: {arms: per_command}
    recipes:
      charge: &hold
        - {mode: 1, wish: power, life: life_s}
      discharge: *hold
      idle: *hold
      release:
        - {mode: 0}
"""


def mistakes_of(text: str) -> tuple[Mistake, ...]:
    with pytest.raises(ConfigurationError) as caught:
        read_profile(text, "mine", "mine.yaml")
    return caught.value.mistakes


def test_a_good_profile_is_read() -> None:
    profile = read_profile(GOOD, "mine", "mine.yaml")

    assert profile.points["power"].factor == 1e-3
    assert profile.points["wish"].factor == -1e-3
    assert profile.points["soc"].factor == 1e-3
    assert profile_mistakes(profile) == ()


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("address: 23", "address: 24", False),
        ("sign: into_asset_positive", "sign: out_of_asset_positive", False),
        ("title: ", "title: Another ", True),
        ("points:", "# a comment\npoints:", True),
    ],
)
def test_a_digest_changes_with_what_a_device_is_told_or_believed_by(
    old: str, new: str, same: bool
) -> None:
    assert old in GOOD
    before, after = (
        read_profile(text, "mine", "mine.yaml").digest for text in (GOOD, GOOD.replace(old, new, 1))
    )
    assert (before == after) is same


WRONG = [
    ("schema: 1", "schema: 2", 1, "schema", "Input should be 1"),
    ("type: i16", "type: i17", 6, "points.power.type", "'i16'"),
    ("unit: W, sign: into", "unit: Watt, sign: into", 6, "points.power.unit", "no unit 'Watt'"),
    (", sign: into_asset_positive", "", 6, "points.power", "a power without a 'sign'"),
    ("into_asset_positive", "unsigned", 14, "readings.battery.power_kw", "which way"),
    ("power_kw: power", "power_kw: pover", 14, "readings.battery.power_kw", "'pover'"),
    ("power_kw: power", "power_kw: soc", 14, "readings.battery.power_kw", "'soc' is fraction"),
    ("soc: soc", "socc: soc", 15, "readings.battery.socc", "Input should be"),
    ("type: u16, unit: 0.1 %", "unit: 0.1 %", 7, "points.soc", "needs its 'type'"),
    ("address: 11", "address: 70000", 7, "points.soc.address", "65535"),
    ("address: 11", "model: 713, address: 11", 7, "points.soc", "exactly one of"),
    ("address: 20, type: u16, write: {persistence: volatile}", "address: 20, type: u16", 25,
     "control.battery.recipes.charge[0].mode", "not said to be writable"),
    ("life: life_s", "life: power", 25, "control.battery.recipes.charge[0].life", "is time"),
    ("      discharge: *hold\n", "", 23, "control.battery.recipes", "charge, discharge and idle"),
    (", life: life_s", "", 22, "control.battery.watchdog.arms", "life_s"),
    ("is: none", "is: running", 18, "readings.battery.setpoint_kw[1]", "operating state"),
    ("title: A battery", "titel: A battery", 3, "titel", "Extra inputs"),
    ("confirm: {point: wish}", "confirm: {point: wisch}", 21, "control.battery.confirm.point",
     "'wisch'"),
    ("    setpoint_kw:\n      - {when: {mode: 1}, of: wish}\n      - {when: {mode: 0}, is: none}\n",
     "", 17, "control.battery", "not read back"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("good", "wrong", "line", "path", "problem"),
    WRONG,
    ids=[f"{n}-{case[3]}" for n, case in enumerate(WRONG)],
)
def test_a_mistake_names_file_line_and_path(
    good: str, wrong: str, line: int, path: str, problem: str
) -> None:
    assert good in GOOD
    found = mistakes_of(GOOD.replace(good, wrong, 1))

    assert [m for m in found if (m.line, m.path) == (line, path) and problem in m.problem], found
    assert all(m.file == "mine.yaml" for m in found)


def test_a_text_that_is_no_yaml_says_so() -> None:
    assert "not YAML" in mistakes_of("points: [")[0].problem


def test_all_mistakes_are_told_at_once() -> None:
    text = GOOD.replace("power_kw: power", "power_kw: a").replace("soc: soc", "soc: b")

    assert len(mistakes_of(text)) == 2


def test_writes_that_do_not_stand_side_by_side_are_found() -> None:
    profile = read_profile(GOOD.replace("address: 23", "address: 24"), "mine", "mine.yaml")

    assert any("side by side" in problem for problem in profile_mistakes(profile))


def test_a_point_that_no_model_has_is_found() -> None:
    text = GOOD.replace("soc: {address: 11, type: u16", "soc: {model: 713, point: Soc")

    assert profile_mistakes(read_profile(text, "mine", "mine.yaml")) == (
        "points.soc: SunSpec model 713 has no 'Soc'",
    )


def test_the_example_of_the_reference_is_a_profile() -> None:
    page = (ROOT / "docs/reference/profiles.md").read_text()
    example = page.partition("```yaml\n")[2].partition("```")[0]

    assert profile_mistakes(read_profile(example, "example", "profiles.md")) == ()


@pytest.mark.parametrize("name", MODBUS.names())
def test_every_shipped_profile_is_whole(name: str) -> None:
    profile = MODBUS.shipped(name)

    assert isinstance(profile, Profile)
    assert profile_mistakes(profile) == ()
    assert MODBUS.find(name, (), "devices.one.profile") is profile
