"""Whatever a city file has become, ``vpp check`` answers in words and with a code."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.damage import damaged_files
from tests.thoroughness import examples
from vpp.cli import exits
from vpp.cli.main import app
from vpp.config.examples import example_city

HOUSE = example_city("one-house").read_text()
CITY = example_city("city-20").read_text()


def answered(damaged: bytes) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "city.yaml"
        file.write_bytes(damaged)
        result = CliRunner().invoke(app, ["check", str(file)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code in {exits.OK, exits.CONFIGURATION, exits.UNSAFE}, result.output
    assert result.exit_code != exits.CONFIGURATION or "wrong:" in result.stderr


@settings(max_examples=examples(100))
@given(damaged=damaged_files(HOUSE))
def test_a_damaged_house_is_answered_in_words(damaged: bytes) -> None:
    answered(damaged)


@settings(max_examples=examples(10))
@given(damaged=damaged_files(CITY))
def test_a_damaged_city_is_answered_in_words(damaged: bytes) -> None:
    answered(damaged)


@given(junk=st.binary(max_size=200))
def test_bytes_that_are_no_city_are_answered_in_words(junk: bytes) -> None:
    answered(junk)
