import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.vpp.control.living.fakes import FakeAudit, pace
from tests.vpp.control.living.small_city import battery_device
from vpp.control.authority import FILE, AuthorityBook
from vpp.domain.audit import Event
from vpp.domain.devices import Authority, Device, Identity
from vpp.domain.errors import ConfigurationError
from vpp.domain.ids import DeviceId

D1 = DeviceId("d1")
ACME = Identity(maker="Acme", model="X", serial="A1", version="1.0")


@asynccontextmanager
async def book(
    tmp_path: Path,
    device: Device | None = None,
    *,
    audit: FakeAudit | None = None,
    observe: bool = False,
    digest: str = "",
) -> AsyncIterator[AuthorityBook]:
    made = AuthorityBook(
        tmp_path,
        {D1: device or battery_device()},
        audit=audit or FakeAudit(),
        pace=pace(),
        digests={D1: digest},
        observe=observe,
    )
    async with made:
        yield made


async def test_a_new_device_has_what_the_city_file_says(tmp_path: Path) -> None:
    async with book(tmp_path) as made:
        made.seen(D1, ACME)
        assert made.of(D1) is Authority.AUTO


async def test_a_change_holds_at_once_and_outlives_the_daemon(tmp_path: Path) -> None:
    audit = FakeAudit()
    async with book(tmp_path, audit=audit) as made:
        made.set(D1, Authority.SHADOW, who="operator", why="watch it first")
        assert made.of(D1) is Authority.SHADOW
    async with book(tmp_path) as made:
        entry = made.entry(D1)
        assert (entry.authority, entry.who) == (Authority.SHADOW, "operator")
        assert entry.why == "watch it first"
        assert entry.when is not None
    record = audit.of(Event.AUTHORITY)[0]
    assert (record.subject, record.who, record.outcome) == ("d1", "operator", "shadow")


@pytest.mark.parametrize(
    "now",
    [
        Identity(maker="Acme", model="X", serial="B2", version="1.0"),
        Identity(maker="Acme", model="X", serial="A1", version="1.1"),
    ],
    ids=["serial", "firmware"],
)
async def test_another_identity_or_firmware_is_only_observed(tmp_path: Path, now: Identity) -> None:
    async with book(tmp_path) as made:
        made.seen(D1, ACME)
        made.seen(D1, ACME)
        assert made.of(D1) is Authority.AUTO
    async with book(tmp_path) as made:
        made.seen(D1, now)
        assert made.of(D1) is Authority.OBSERVE
        assert "changed from" in made.entry(D1).why
        made.set(D1, Authority.AUTO, who="operator", why="checked")
        made.seen(D1, now)
        assert made.of(D1) is Authority.AUTO


async def test_another_profile_is_only_observed(tmp_path: Path) -> None:
    async with book(tmp_path) as made:
        made.seen(D1, ACME)
    async with book(tmp_path, battery_device(profile="p2")) as made:
        assert made.of(D1) is Authority.OBSERVE
        assert made.entry(D1).why == "profile changed from p1 to p2"


async def test_a_profile_changed_under_its_name_is_only_observed(tmp_path: Path) -> None:
    async with book(tmp_path) as made:  # of a version that knew no digest
        made.seen(D1, ACME)
    for digest in ("one", "one", ""):
        async with book(tmp_path, digest=digest) as made:
            assert made.of(D1) is Authority.AUTO
    async with book(tmp_path, digest="two") as made:
        assert made.of(D1) is Authority.OBSERVE
        assert made.entry(D1).why == "profile p1 was changed under its name"
        made.set(D1, Authority.AUTO, who="operator", why="checked")
    async with book(tmp_path, digest="two") as made:
        assert made.of(D1) is Authority.AUTO


async def test_out_of_service_in_the_city_file_stands_above_all(tmp_path: Path) -> None:
    device = battery_device(authority=Authority.OUT_OF_SERVICE)
    async with book(tmp_path, device) as made:
        made.set(D1, Authority.AUTO, who="operator", why="eager")
        assert made.of(D1) is Authority.OUT_OF_SERVICE


@pytest.mark.parametrize("remembered", [Authority.AUTO, Authority.MANUAL, Authority.SHADOW])
async def test_an_observing_daemon_observes(tmp_path: Path, remembered: Authority) -> None:
    async with book(tmp_path, observe=True) as made:
        made.set(D1, remembered, who="operator", why="test")
        assert made.of(D1) is Authority.OBSERVE
    async with book(tmp_path) as made:
        assert made.of(D1) is remembered


@pytest.mark.parametrize("text", ["", "[]", '{"version": 2, "devices": {}}', "nonsense"])
async def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ConfigurationError, match=FILE):
        async with book(tmp_path):
            pass


async def test_a_torn_replacement_leaves_the_old_file_standing(tmp_path: Path) -> None:
    async with book(tmp_path) as made:
        made.set(D1, Authority.MANUAL, who="operator", why="first")
    (tmp_path / "authority.new").write_text('{"version": 1, "dev')
    async with book(tmp_path) as made:
        assert made.of(D1) is Authority.MANUAL
    assert json.loads((tmp_path / FILE).read_text())["devices"]["d1"]["authority"] == "manual"


async def test_what_cannot_be_put_on_disk_is_said_holds_and_is_tried_again(tmp_path: Path) -> None:
    home, away = tmp_path / "home", tmp_path / "away"
    home.mkdir()
    async with book(home) as made:
        home.rename(away)
        made.set(D1, Authority.OBSERVE, who="operator", why="work on it")
        assert str(home / FILE) in await made.kept()
        assert made.of(D1) is Authority.OBSERVE
        away.rename(home)
        assert await made.kept() == ""
        home.rename(away)
        made.set(D1, Authority.SHADOW, who="operator", why="done")
    away.rename(home)
    async with book(home) as made:
        assert made.of(D1) is Authority.OBSERVE, (
            "the last change found no disk, and leaving went on"
        )
