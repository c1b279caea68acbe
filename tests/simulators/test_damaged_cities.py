"""Whatever a city file has become, the simulators take it or say in words what is wrong."""

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings

from simulators.city_file import read_city
from simulators.entry import CityError
from tests.damage import damaged_files
from tests.simulators.sample import TEXT
from tests.thoroughness import examples


@settings(max_examples=examples(200))
@given(damaged=damaged_files(TEXT))
def test_a_damaged_city_is_simulated_or_refused_in_words(damaged: bytes) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "city.yaml"
        file.write_bytes(damaged)
        with suppress(CityError):
            read_city(file)
