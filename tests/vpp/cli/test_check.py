"""``vpp check``: what is right, what is unsafe, and which mistake is where."""

from importlib.resources import files
from pathlib import Path

import pytest

from tests.vpp.cli.command_line import vpp, wrong_city
from vpp.cli import exits
from vpp.config.examples import example_city


def test_the_example_city_is_right_and_safe_without_us(home: dict[str, str]) -> None:
    done = vpp(home, "check", example_city())
    assert done.returncode == exits.OK, done.stderr
    assert "20 sites in 2 pools" in done.stdout


@pytest.mark.parametrize("name", ["one-house", "one-house.yaml"])
def test_an_example_is_found_by_its_name(home: dict[str, str], name: str) -> None:
    assert vpp(home, "check", name).stdout == vpp(home, "check", example_city("one-house")).stdout
    misspelt = vpp(home, "check", name.replace("-", "_"))
    assert misspelt.returncode == exits.USAGE
    assert "did you mean 'one-house'?" in misspelt.stderr


def test_a_misspelt_key_is_named_with_file_line_path_and_remedy(
    home: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "city.yaml"
    text = example_city("one-house").read_text()
    file.write_text(text.replace("capacity_kwh", "capacity_kw", 1))
    line = 1 + next(i for i, t in enumerate(text.splitlines()) if "capacity_kwh" in t)
    done = vpp(home, "check", file)
    assert done.returncode == exits.CONFIGURATION
    assert f"{file}:{line}: assets[0].capacity_kw" in done.stderr.replace("\n", "")
    assert "capacity_kwh" in done.stderr


def test_a_rating_that_does_not_hold_without_us_is_unsafe(
    home: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "city.yaml"
    text = example_city("one-house").read_text()
    file.write_text(text.replace("rating_kw: {import: 12,", "rating_kw: {import: 8,"))
    done = vpp(home, "check", file)
    assert done.returncode == exits.UNSAFE
    assert "exceeds 8.0" in done.stdout


def test_a_mistake_in_line_100_is_told_with_its_number(
    home: dict[str, str], tmp_path: Path
) -> None:
    city = tmp_path / "city.yaml"
    city.write_text("\n" * 99 + "portfolios: {}\n")
    done = vpp(home, "check", city)
    assert done.returncode == exits.CONFIGURATION
    assert f"{city}:100:" in done.stderr


def test_check_ends_with_a_verdict(home: dict[str, str], tmp_path: Path) -> None:
    good = vpp(home, "check", example_city("one-house"))
    assert good.stdout.splitlines()[-1].startswith("ok: 4 of 4 ratings hold")
    unsafe = vpp(home, "check", wrong_city(tmp_path, "{import: 12,", "{import: 8,"))
    assert "unsafe: 3 of 4 ratings hold" in unsafe.stdout
    assert "--terms" in unsafe.stdout


def test_a_device_that_does_not_answer_is_not_called_unsafe(home: dict[str, str]) -> None:
    done = vpp(home, "check", "one-house", "--probe", "--base-port", 1)
    assert done.returncode == exits.FAILED
    assert "unsafe" not in done.stdout
    ratings, devices = done.stdout.splitlines()[-2:]
    assert ratings == "ok: 4 of 4 ratings hold with the controller dead"
    assert devices.startswith("not ready: 0 of 3 devices answer as they should; why house-ess")
    assert "probe again" in devices


@pytest.mark.parametrize(
    ("old", "new", "path", "remedy"),
    [
        ("adapter: modbus,", "adapter: modbuss,", "links[0].adapter", "did you mean 'modbus'?"),
        ("sunspec-ess", "sunspec-es", "devices[0].profile", "sunspec-ess"),
        ("{unit: 1}", "{unt: 1}", "devices[0].options", "unit"),
    ],
)
def test_check_lets_adapters_judge_their_part_without_contacting_any_device(
    home: dict[str, str], tmp_path: Path, old: str, new: str, path: str, remedy: str
) -> None:
    done = vpp(home, "check", wrong_city(tmp_path, old, new))
    assert done.returncode == exits.CONFIGURATION
    assert path in done.stderr
    assert remedy in done.stderr


def test_check_lets_the_simulators_judge_their_part(home: dict[str, str], tmp_path: Path) -> None:
    file = wrong_city(tmp_path, "soc_start:", "soc_strt:")
    line = 1 + next(i for i, t in enumerate(file.read_text().splitlines()) if "soc_strt" in t)
    done = vpp(home, "check", file)
    assert done.returncode == exits.CONFIGURATION
    assert f"wrong: {file}:{line}: simulation.devices." in done.stderr
    assert "(did you mean 'soc_start'?)" in done.stderr


def test_a_file_that_says_nothing_of_a_simulation_is_none_of_the_simulators_business(
    home: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "city.yaml"
    file.write_text(example_city("one-house").read_text().partition("\nsimulation:")[0])
    done = vpp(home, "check", file)
    assert done.returncode == exits.OK, done.stderr


def test_check_says_what_to_look_at_in_a_file_that_is_right(
    home: dict[str, str], tmp_path: Path
) -> None:
    read = "carries: [{meter: house-meter}]"
    file = wrong_city(tmp_path, read, "carries: [{meter: house-meter, reads: {power_kw: 0}}]")
    done = vpp(home, "check", file)
    line = 1 + next(i for i, t in enumerate(file.read_text().splitlines()) if "a_per_phase" in t)
    assert done.returncode == exits.OK, done.stderr
    (said,) = (text for text in done.stdout.splitlines() if text.startswith("look at:"))
    assert f"{file}:{line}: sites[0].a_per_phase: no meter of 'house' tells" in said
    assert "current_l1_a" in said


def test_check_knows_from_its_profile_that_a_meter_tells_no_currents(
    home: dict[str, str], tmp_path: Path
) -> None:
    shipped = files("adapters").joinpath("profiles/sunspec-meter.yaml").read_text()
    lines = [text for text in shipped.splitlines() if "current_l" not in text]
    (tmp_path / "poor-meter.yaml").write_text("\n".join(lines))
    options = f"options: {{profiles: {tmp_path}, max_clients: 4}}"
    file = wrong_city(tmp_path, "options: {max_clients: 4}", options)
    assert "look at:" not in vpp(home, "check", file).stdout
    file.write_text(file.read_text().replace("sunspec-meter", "poor-meter"))
    assert "no meter of 'house' tells the currents" in vpp(home, "check", file).stdout


def test_check_names_file_and_line_of_an_unknown_profile_over_mqtt(
    home: dict[str, str], tmp_path: Path
) -> None:
    text, file = example_city().read_text(), tmp_path / "city.yaml"
    file.write_text(text.replace("profile: vpp-1", "profile: vpp-9", 1))
    line = 1 + next(i for i, t in enumerate(text.splitlines()) if "profile: vpp-1" in t)
    done = vpp(home, "check", file)
    said = done.stderr.replace("\n", "")
    assert done.returncode == exits.CONFIGURATION
    assert f"{file}:{line}: devices[" in said
    assert "there is no MQTT profile 'vpp-9' (one of vpp-1)" in said


def test_a_missing_section_is_one_mistake_and_not_one_for_each_reference(
    home: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "city.yaml"
    file.write_text(example_city().read_text().replace("\nnodes:", "\nnode:", 1))
    done = vpp(home, "check", file)
    assert done.returncode == exits.CONFIGURATION
    assert "did you mean 'nodes'?" in done.stderr
    assert done.stderr.count("wrong:") == 2
    assert "names no node at all" in done.stderr
