"""A run that several tests look at is lived by one worker, a test by itself by any."""

from tests.lived_once import unit_of


def test_tests_of_one_run_are_one_unit_of_work() -> None:
    day = "tests/vpp/scenarios/test_day.py"
    assert unit_of(f"{day}::test_one") == unit_of(f"{day}::test_two[a::b]") == day


def test_others_are_one_by_one() -> None:
    here = "tests/architecture/test_lived_once.py::test_others_are_one_by_one"
    assert unit_of(here) == here
