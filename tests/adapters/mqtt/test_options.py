"""What the city file may say, and how mistakes are told."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.mqtt.factory import open_link
from adapters.mqtt.options import OptionsReader
from tests.adapters.mqtt.cities import CP1, request, station_device
from vpp.domain.assets import Load
from vpp.domain.errors import ConfigurationError
from vpp.domain.ids import SiteId
from vpp.ports import plugins


def test_the_adapter_is_found_by_its_name() -> None:
    assert plugins.load(plugins.ADAPTERS, "mqtt") is open_link


def test_the_client_id_is_that_of_portfolio_and_link() -> None:
    assert OptionsReader().broker(request(1883)).client_id == "vpp-testville-stations"


def test_without_a_port_it_is_the_usual_one() -> None:
    assert OptionsReader().broker(request(0)).port == 1883
    assert OptionsReader().broker(request(0, options={"tls": True})).port == 8883


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"keepalive": 5}, "keepalive"),
        ({"keepalive_s": 60}, "keepalive_s"),
        ({"timeout_s": 2.5}, "timeout_s"),
        ({"timeout_s": "2"}, "timeout_s"),
        ({"username": ""}, "username"),
        ({"username": "u", "password_file": "no/such/file"}, "password_file"),
        ({"ca": "no/such/file"}, "ca"),
        ({"cert": "no/such/file"}, "cert"),
        ({"key": "no/such/file"}, "key"),
    ],
)
def test_a_wrong_option_of_a_link_is_named(options: dict[str, Any], path: str) -> None:
    assert paths(request(1, options=options)) == [f"links.stations.options.{path}"]


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    wrong = tmp_path / "ca.pem"
    wrong.write_text("nothing")
    assert paths(request(1, options={"ca": str(wrong)})) == ["links.stations.options.ca"]


def test_a_password_without_a_name_is_a_mistake(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    found = paths(request(1, options={"password_file": str(secret)}))
    assert found == ["links.stations.options.password_file"]


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"site": ""}, "site"),
        ({"site": "a/b"}, "site"),
        ({"site": "#"}, "site"),
        ({"period_s": 0}, "period_s"),
        ({"unit": 3}, "unit"),
    ],
)
def test_a_wrong_option_of_a_device_is_named(options: dict[str, Any], path: str) -> None:
    assert f"devices.hub-1.options.{path}" in paths(request(1, station_device(**options)))


def test_all_mistakes_are_told_at_once() -> None:
    device = replace(station_device(site="a/b"), profile="storedge")
    found = paths(request(1, device, options={"speed": 1, "keepalive_s": 0}))
    assert found == [
        "links.stations.options.speed",
        "links.stations.options.keepalive_s",
        "devices.hub-1.profile",
        "devices.hub-1.options.site",
    ]


def test_what_cannot_be_written_is_a_mistake() -> None:
    asked = request(1)
    load = Load(id=CP1, site=SiteId("mall"), max_kw=5.0)
    assert paths(replace(asked, assets={**asked.assets, CP1: load})) == ["devices.hub-1.carries"]


def paths(asked: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as wrong:
        open_link(asked)
    return [mistake.path for mistake in wrong.value.mistakes]
