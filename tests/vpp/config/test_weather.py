"""The key ``weather``: who forecasts it, and where."""

import pytest

from tests.vpp.config.sample import SAMPLE
from vpp.config.city import read_city
from vpp.domain.errors import ConfigurationError
from vpp.domain.weather import WeatherSupply


def of(entry: str) -> WeatherSupply | None:
    return read_city(f"{SAMPLE}weather: {entry}\n", "city.yaml", base_port=20000).portfolio.weather


def test_without_the_key_nobody_forecasts_it() -> None:
    assert read_city(SAMPLE, "city.yaml").portfolio.weather is None


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        ("{source: open-meteo}", ""),
        ("{source: open-meteo, address: 'http://10.0.0.7:8080/v1/forecast'}",
         "http://10.0.0.7:8080/v1/forecast"),
        ("{source: open-meteo, address: 'https://example.com/v1/forecast?apikey=7'}",
         "https://example.com/v1/forecast?apikey=7"),
        ("{source: open-meteo, port_offset: 90}", "http://127.0.0.1:20090"),
    ],
)  # fmt: skip
def test_its_server_is_the_usual_one_another_or_the_simulated_one(entry: str, address: str) -> None:
    assert of(entry) == WeatherSupply(source="open-meteo", address=address)


@pytest.mark.parametrize(
    ("entry", "path", "words"),
    [
        ("{source: open-metro}", "weather.source", "did you mean 'open-meteo'?"),
        ("{}", "weather.source", "is missing"),
        ("{source: open-meteo, adress: 'http://x'}", "weather.adress", "did you mean 'address'?"),
        ("{source: open-meteo, address: 'ftp://x'}", "weather.address", "ftp://x"),
        ("{source: open-meteo, address: 'http://'}", "weather.address", "http://"),
        ("{source: open-meteo, address: 'http://x', port_offset: 1}", "weather.port_offset",
         "one of the two"),
        ("{source: open-meteo, port_offset: 60000}", "weather.port_offset", "above 65535"),
        ("open-meteo", "weather", "a mapping of keys to values"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(entry: str, path: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as found:
        of(entry)
    (mistake,) = found.value.mistakes
    assert (mistake.path, mistake.line) == (path, SAMPLE.count("\n") + 1)
    assert words in str(mistake)
