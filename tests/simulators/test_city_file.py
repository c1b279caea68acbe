from datetime import UTC, datetime

import pytest

from simulators.city_file import parse_city
from simulators.entry import CityError
from tests.simulators.sample import TEXT, sample_city


def test_powers_and_energies_are_in_watts_and_watt_hours() -> None:
    battery = sample_city().batteries[0]
    assert (battery.capacity_wh, battery.charge_w, battery.discharge_w) == (120e3, 50e3, 40e3)
    assert battery.ramp_w_per_s == 25e3


def test_a_battery_of_which_the_file_says_no_efficiency_has_the_one_of_the_reference() -> None:
    said = ",\n     eta_charge: 0.96, eta_discharge: 0.95}"
    assert said in TEXT
    battery = parse_city(TEXT.replace(said, "}")).batteries[0]
    assert (battery.eta_charge, battery.eta_discharge) == (0.95, 0.95)


def test_a_battery_takes_its_settings_from_the_device_that_writes_it() -> None:
    battery = sample_city().batteries[0]
    assert (battery.soc_start, battery.watchdog_s, battery.safe) == (0.3, 300, "autonomous")


def test_a_meter_takes_its_age_from_the_device_that_carries_it() -> None:
    ages = {meter.id: meter.age_s for meter in sample_city().meters}
    assert ages == {"apt-meter": 3.0, "north-meter": 0.0, "pv-meter": 0.0}


def test_pv_in_a_hybrid_clips_at_its_modules_and_other_pv_at_its_inverter() -> None:
    clips = {plant.id: plant.clip_w for plant in sample_city().pvs}
    assert clips == {"office-pv": 12e3, "apt-pv": pytest.approx(70e3 / 1.1)}


def test_the_base_port_moves_offsets_and_leaves_fixed_ports_alone() -> None:
    ports = {link.id: link.port for link in parse_city(TEXT, base_port=30_000).links}
    assert ports == {"ess-link": 30_010, "stations": 1883}
    assert sample_city().links[0].port == 15_030


def test_the_start_is_an_instant() -> None:
    assert sample_city().start == datetime(2026, 7, 14, 20, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("right", "wrong", "where"),
    [
        ("capacity_kwh: 120", "capacity_kwh: much", r"assets\[apt-bat\]\.capacity_kwh"),
        ("site: apt, kind: pv", "site: aptt, kind: pv", r"assets\[apt-pv\]\.site"),
        ("{asset: apt-bat, w", "{asset: apt-bta, w", r"devices\[apt-ess\]\.carries\[0\]\.asset"),
        ("profile: households", "profile: castles", r"simulation\.sites\.apt\.load\.profile"),
        ("apt-ess: {soc_start: 0.3", "apt-es: {soc_start: 0.3", r"simulation\.devices\.apt-es"),
        ("soc_start: 0.3", "soc_start: 1.3", r"simulation\.devices\.apt-ess\.soc_start"),
        ("seed: 20", "sead: 20", r"simulation\.sead"),
        ("time_zone: Asia/Seoul", "time_zone: Asia/Soul", r"portfolio\.time_zone"),
        ("2026-07-15T05:20:00+09:00", "2026-07-15T05:20:00", r"simulation\.start"),
        ("safe: floor", "safe: fine", r"devices\[hub\]\.safe"),
        ("country: KR", "country: XX", r"portfolio\.country: no holidays"),
        (
            "options: {unit: 1}}",
            "options: {unit: 2026-07-15}}",
            r"devices\[apt-ess\]\.options\.unit",
        ),
        ("{id: north, parent: city", "{id: north, parent: apt", r"nodes\[north\]\.parent"),
    ],
)
def test_an_error_names_its_place(right: str, wrong: str, where: str) -> None:
    assert TEXT.count(right) == 1
    with pytest.raises(CityError, match=where):
        parse_city(TEXT.replace(right, wrong))


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("soc_start: 0.3", "soc_strt: 0.3", "soc_strt: unknown (did you mean 'soc_start'?)"),
        ("profile: households", "profile: household", "is 'household' (did you mean 'households'"),
        ("site: apt, kind: pv", "site: atp, kind: pv", "called 'atp' (did you mean 'apt'?)"),
        ("age_s: 3.0", "sign: wrong", "is 'wrong' (one of export_positive, import_positive)"),
        ("seed: 20", "faults: [{device: hub, kind: slw}]", "is 'slw' (did you mean 'slow'?)"),
        ("seed: 20", "faults: [{device: hubb, kind: drop}]", "'hubb' (did you mean 'hub'?)"),
        ("seed: 20", "faults: [{device: hub, kind: drop, fr_s: 3}]", "(did you mean 'for_s'?)"),
        ("seed: 20", "faults: [{device: hub, kind: drop, at: 2026-07-15}]", "an instant with its"),
    ],
)
def test_an_error_names_its_line_and_what_would_be_right(right: str, wrong: str, said: str) -> None:
    line = 1 + TEXT[: TEXT.index(right)].count("\n")
    with pytest.raises(CityError) as caught:
        parse_city(TEXT.replace(right, wrong), "my/city.yaml")
    assert str(caught.value).startswith(f"my/city.yaml:{line}: ")
    assert said in str(caught.value)


def test_a_mapping_that_is_left_out_has_the_line_of_the_one_around_it() -> None:
    without = TEXT.replace("    apt: {load: {profile: households, annual_mwh: 260}}\n", "")
    line = 1 + TEXT[: TEXT.index("  sites:\n")].count("\n")
    with pytest.raises(CityError, match=rf"city:{line}: simulation\.sites\.apt\.load\.profile"):
        parse_city(without)


def test_what_is_no_yaml_is_told_with_its_line() -> None:
    with pytest.raises(CityError, match=r"^city:3: the whole file: not YAML: "):
        parse_city("\nportfolio: [\n{]\n")


def test_a_value_that_repeats_itself_without_end_is_shown_in_part() -> None:
    laughs = "x0: &x0 [x, x]\n" + "".join(
        f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]\n" for n in range(1, 12)
    )
    with pytest.raises(CityError, match=r"portfolio\.id: a text is needed") as caught:
        parse_city(laughs + TEXT.replace("id: sample", "id: *x11"))
    assert len(str(caught.value)) < 500
