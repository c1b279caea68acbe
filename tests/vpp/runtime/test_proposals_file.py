from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.vpp.runtime.given import STEERING, StandingClock, limit, request
from vpp.control.proposing import Proposing
from vpp.domain.plain_words import LONGEST
from vpp.domain.proposal import Rank, Scope, ScopeKind
from vpp.runtime.command_socket import CommandSocket
from vpp.runtime.sources import FILE, LARGEST_FILE, FileProposals

LAUGHS = b"- scope: &x0 [x, x]\n" + b"".join(
    b"  x%d: &x%d [%s]\n" % (n, n, b", ".join([b"*x%d" % (n - 1)] * 9)) for n in range(1, 12)
)
"""Small, and without end where aliases are written out."""


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Any], None]:
    def write(content: Any) -> None:  # whatever a person may write
        (tmp_path / FILE).write_text(yaml.safe_dump(content))

    return write


def test_a_grid_limit_from_the_file_outlasts_its_end_as_failsafe(
    tmp_path: Path, write: Callable[[Any], None]
) -> None:
    clock = StandingClock()
    source = FileProposals(request(tmp_path, CommandSocket(tmp_path), clock))
    source.look()
    assert source.proposals() == []
    write([limit(), limit(id="wish", scope="home-bat", ending="withdraw", wish_kw=3)])
    source.look()
    first, second = source.proposals()
    assert (first.rank, first.scope) == (
        Rank.GRID_OPERATOR,
        Scope(kind=ScopeKind.NODE, id="street"),
    )
    assert first.valid_until_s == clock.monotonic() + 3600
    assert second.scope.kind is ScopeKind.ASSET
    clock.elapsed_s = 3601
    assert [p.id for p in source.proposals()] == ["dso-1"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"scope": "node:nowhere"},
        {"until": "2026-07-15T13:00:00"},
        {"until": "soon"},
        {"hi_kw": "much"},
        {"lo_kw": 30},
        {"rank": "king"},
        {"ending": "never"},
        {"failsafe_hi_kw": None},
        {"hi_kv": 3},
        {"hi_kw": 10**400},
        {"wish_kw": float("nan")},
        {"wish_kw": float("inf")},
        {"failsafe_lo_kw": float("nan")},
        {"reason": "x" * LARGEST_FILE},
        {"reason": "y" * (LONGEST + 1)},
        {"reason": STEERING},
        {"owner": STEERING},
        {"id": STEERING},
    ],
    ids=lambda wrong: str(wrong)[:40],
)
def test_a_wrong_file_changes_nothing(
    tmp_path: Path, write: Callable[[Any], None], wrong: dict[str, object]
) -> None:
    source = FileProposals(request(tmp_path, CommandSocket(tmp_path), StandingClock()))
    heard = Proposing({"file": source})
    write([limit()])
    source.look()
    assert [p.hi_kw for p in heard.all(0.0)] == [20.0]
    assert heard.alarms() == ()
    write([limit(id="right"), limit(**wrong)])
    source.look()
    assert [p.hi_kw for p in heard.all(0.0)] == [20.0]
    (alarm,) = heard.alarms()
    assert (alarm.code, alarm.subject) == ("SOURCE_FAILED", "file")
    assert alarm.text.startswith(str(tmp_path / FILE))


def test_every_wrong_entry_of_the_file_is_told_with_its_line(
    tmp_path: Path, write: Callable[[Any], None]
) -> None:
    (tmp_path / FILE).write_text(
        "- {scope: banana, until: 2026-07-15T13:00:00Z, reason: one}\n"
        "- {scope: street, until: 2026-07-15T13:00:00Z, reason: two}\n"
        "- {scope: street, until: 2026-07-15T13:00:00Z}\n"
    )
    source = FileProposals(request(tmp_path, CommandSocket(tmp_path), StandingClock()))
    source.look()
    heard = Proposing({"file": source})
    assert heard.all(0.0) == ()
    first, second = heard.alarms()[0].text.splitlines()
    assert first.startswith(f"{tmp_path / FILE}:1: [0]: nothing is called 'banana'")
    assert second.startswith(f"{tmp_path / FILE}:3: [2]: ")
    (tmp_path / FILE).unlink()
    source.look()
    heard.all(0.0)
    assert heard.alarms() == ()


def test_a_wrong_file_is_no_sign_of_life(tmp_path: Path, write: Callable[[Any], None]) -> None:
    source = FileProposals(request(tmp_path, CommandSocket(tmp_path), StandingClock()))
    heard = Proposing({"file": source})
    for content, alive in (([limit()], True), ([limit(hi_kv=3)], False), ([limit()], True)):
        write(content)
        source.look()
        assert [p.alive for p in heard.all(0.0)] == [alive]


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 20_000,
        b"\xff\x00garbage",
        b"- *nobody",
        b"7",
        None,
        LAUGHS,
        LAUGHS + b"  until: *x11",
    ],
)
def test_a_file_of_garbage_leaves_the_last_word_without_a_sign_of_life(
    tmp_path: Path, write: Callable[[Any], None], content: bytes | None
) -> None:
    source = FileProposals(request(tmp_path, CommandSocket(tmp_path), StandingClock()))
    heard = Proposing({"file": source})
    write([limit()])
    source.look()
    heard.all(0.0)
    if content is None:
        (tmp_path / FILE).unlink()
        (tmp_path / FILE).mkdir()
    else:
        (tmp_path / FILE).write_bytes(content)
    source.look()
    assert [(p.hi_kw, p.alive) for p in heard.all(0.0)] == [(20.0, False)]
