import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.vpp.control.planning.cities import two_sites
from tests.vpp.runtime.given import STEERING, StandingClock, request
from vpp.domain.audit import AuditRecord
from vpp.domain.errors import VppError
from vpp.domain.plain_words import LONGEST
from vpp.domain.proposal import Rank
from vpp.runtime.command_socket import NAME, CommandSocket, ask
from vpp.runtime.sources import OVERRIDES, command_source


async def test_an_override_holds_for_its_time_and_over_a_restart(tmp_path: Path) -> None:
    clock = StandingClock()
    asked = {
        "verb": "override",
        "scope": "home-bat",
        "hi_kw": 2,
        "for_s": 600,
        "reason": "test",
        "owner": "kim",
    }
    async with (
        CommandSocket(tmp_path) as commands,
        command_source(request(tmp_path, commands, clock)) as source,
    ):
        answer = await ask(tmp_path, asked)
        assert answer["scope"] == "asset:home-bat"
        assert [p.id for p in source.proposals()] == [answer["id"]]
    clock.elapsed_s = 300
    async with (
        CommandSocket(tmp_path) as commands,
        command_source(request(tmp_path, commands, clock)) as source,
    ):
        (kept,) = source.proposals()
        assert (kept.rank, kept.hi_kw, kept.reason) == (Rank.OVERRIDE, 2.0, "test")
        assert kept.valid_until_s == pytest.approx(clock.monotonic() + 300)
        clock.elapsed_s = 601
        assert source.proposals() == []


async def test_of_a_storm_of_overrides_each_is_on_disk_and_the_last_holds(tmp_path: Path) -> None:
    clock = StandingClock()
    asked = {"verb": "override", "scope": "home-bat", "for_s": 600, "owner": "kim"}
    async with (
        CommandSocket(tmp_path) as commands,
        command_source(request(tmp_path, commands, clock)) as source,
    ):
        storm = [
            {**asked, "lo_kw": kw / 10, "hi_kw": kw / 10, "reason": f"storm {kw}"}
            for kw in range(1, 31)
        ]
        answers = await asyncio.gather(*(ask(tmp_path, one) for one in storm))
        assert [one["unkept"] for one in answers] == [""] * len(storm)
        (last,) = source.proposals()
    (kept,) = json.loads((tmp_path / OVERRIDES).read_text())
    assert kept["id"] == last.id


async def test_an_override_is_withdrawn_by_scope_and_bounded(tmp_path: Path) -> None:
    async with (
        CommandSocket(tmp_path) as commands,
        command_source(request(tmp_path, commands, StandingClock())) as source,
    ):
        asked = {
            "verb": "override",
            "scope": "shop",
            "hi_kw": 9,
            "for_s": 60,
            "reason": "test",
            "owner": "kim",
        }
        await ask(tmp_path, asked)
        await ask(tmp_path, {"verb": "end", "scope": "site:shop", "who": "lee"})
        assert source.proposals() == []
        with pytest.raises(VppError, match="no override"):
            await ask(tmp_path, {"verb": "end", "scope": "site:shop", "who": "lee"})
        for wrong, why in (
            ({"for_s": 5 * 3600}, "at most 4:00:00"),
            ({"for_s": 0}, "more than 0"),
            ({"scope": "nobody"}, "nothing is called 'nobody'"),
            ({"lo_kw": 10}, "empty"),
            ({"reason": ""}, "reason is missing"),
            ({"reason": " \u3000"}, "reason is missing"),
            ({"reason": 7}, "reason is no text"),
            ({"owner": " "}, "owner is missing"),
            ({"owner": ["kim"]}, "owner is no text"),
            ({"reason": "x" * (LONGEST + 1)}, "reason has 201 characters: at most 200"),
            ({"reason": STEERING}, r"reason has the character '\\x1b'"),
            ({"owner": STEERING}, r"owner has the character '\\x1b'"),
            ({"id": STEERING}, r"id has the character '\\x1b'"),
        ):
            with pytest.raises(VppError, match=why):
                await ask(tmp_path, {**asked, **wrong})
        assert source.proposals() == []
        await ask(tmp_path, {**asked, "reason": "시험\u3000방전"})
        for wrong, why in (({}, "who is missing"), ({"who": "lee", "reason": " "}, "reason is m")):
            with pytest.raises(VppError, match=why):
                await ask(tmp_path, {"verb": "end", "scope": "shop", **wrong})
        assert [one.reason for one in source.proposals()] == ["시험\u3000방전"]


async def test_giving_and_withdrawing_are_put_on_record(tmp_path: Path) -> None:
    records: list[AuditRecord] = []
    async with CommandSocket(tmp_path) as commands:
        asked = replace(request(tmp_path, commands, StandingClock()), note=records.append)
        async with command_source(asked):
            power = {"lo_kw": 1.0, "hi_kw": 1.0, "reason": "test", "owner": "kim"}
            await ask(tmp_path, {"verb": "override", "scope": "home-bat", **power})
            for wrong in ({"who": STEERING}, {"who": "lee", "reason": STEERING}):
                with pytest.raises(VppError, match="has the character"):
                    await ask(tmp_path, {"verb": "end", "scope": "home-bat", **wrong})
            await ask(tmp_path, {"verb": "end", "scope": "home-bat", "who": "lee"})
    said = [(one.subject, one.outcome, one.who, one.why) for one in records]
    assert said == [("home-bat", "given", "kim", "test"), ("home-bat", "withdrawn", "lee", "")]


async def test_of_two_overrides_that_contradict_the_last_word_holds(tmp_path: Path) -> None:
    records: list[AuditRecord] = []
    async with CommandSocket(tmp_path) as commands:
        asked = replace(request(tmp_path, commands, StandingClock()), note=records.append)
        async with command_source(asked) as source:
            give = {"verb": "override", "scope": "home-bat", "owner": "kim"}
            first = await ask(tmp_path, {**give, "lo_kw": 1.0, "hi_kw": 1.0, "reason": "one"})
            second = await ask(tmp_path, {**give, "lo_kw": -1.0, "hi_kw": -1.0, "reason": "two"})
            assert (first["replaced"], second["replaced"]) == ([], [first["id"]])
            (left,) = source.proposals()
            assert (left.id, left.hi_kw) == (second["id"], -1.0)
            third = await ask(tmp_path, {**give, "lo_kw": -1.5, "reason": "both can hold"})
            assert third["replaced"] == []
            assert len(source.proposals()) == 2
    withdrawn = [one for one in records if one.outcome == "withdrawn"]
    assert [(one.command, one.who) for one in withdrawn] == [(first["id"], "kim")]
    assert withdrawn[0].why == f"{second['id']} says otherwise: two"


async def test_the_answer_to_an_override_has_the_citys_own_clock(tmp_path: Path) -> None:
    commands = CommandSocket(tmp_path)
    async with command_source(request(tmp_path, commands, StandingClock())) as source:
        answer = await source.override(
            {"owner": "kim", "scope": "street", "hi_kw": 2, "reason": "t", "for_s": 600}
        )
    assert answer["until"] == "2026-07-15T12:10:00+09:00"
    assert (answer["zone"], answer["for_s"]) == ("Asia/Seoul", 600)


async def test_a_scope_that_nothing_is_called_is_answered_with_what_is_alike(
    tmp_path: Path,
) -> None:
    commands = CommandSocket(tmp_path)
    async with command_source(request(tmp_path, commands, StandingClock())) as source:
        with pytest.raises(VppError, match="did you mean street"):
            await source.override({"owner": "kim", "scope": "stret", "hi_kw": 2, "reason": "t"})


@pytest.mark.parametrize("given", ["node:street", "pool:street", "street"])
async def test_an_id_alone_ends_what_was_given_for_any_kind_of_it(
    tmp_path: Path, given: str
) -> None:
    async with command_source(
        request(tmp_path, CommandSocket(tmp_path), StandingClock())
    ) as source:
        answer = await source.override({"owner": "kim", "scope": given, "hi_kw": 2, "reason": "t"})
        with pytest.raises(
            VppError, match=f"holds now; {answer['scope']} \\({answer['id']}\\) does"
        ):
            await source.end({"scope": "home-bat", "who": "lee"})
        assert (await source.end({"scope": "street", "who": "lee"}))["ended"] == [answer["id"]]
        with pytest.raises(VppError, match="holds now; none at all does"):
            await source.end({"scope": "street", "who": "lee"})


@pytest.mark.parametrize(
    ("asked", "held", "bounds"),
    [
        ({"scope": "home-bat", "lo_kw": 1e9, "hi_kw": 1e9}, {"lo_kw": 4.0, "hi_kw": 4.0}, (4, 4)),
        ({"scope": "home-bat", "lo_kw": -9, "hi_kw": -9}, {"lo_kw": -5.0, "hi_kw": -5.0}, (-5, -5)),
        ({"scope": "home-bat", "lo_kw": 2, "hi_kw": 2}, {}, (2, 2)),
        ({"scope": "home-bat", "hi_kw": 1e9}, {"hi_kw": 4.0}, (-float("inf"), 4)),
    ],
)
async def test_an_override_beyond_the_ratings_is_held_at_their_end_and_says_so(
    tmp_path: Path, asked: dict[str, Any], held: dict[str, float], bounds: tuple[float, float]
) -> None:
    async with command_source(
        request(tmp_path, CommandSocket(tmp_path), StandingClock())
    ) as source:
        answer = await source.override({"owner": "kim", "reason": "t", **asked})
        assert (answer["range_kw"], answer["held"]) == ([-5.0, 4.0], held)
        (proposal,) = source.proposals()
        assert (proposal.lo_kw, proposal.hi_kw) == bounds


@pytest.mark.parametrize("scope", ["street", "node:street", "home", "pool:street", "portfolio:two"])
async def test_the_range_of_a_wider_scope_is_finite(tmp_path: Path, scope: str) -> None:
    portfolio = two_sites()
    scope = scope.replace("portfolio:two", f"portfolio:{portfolio.id}")
    async with command_source(
        request(tmp_path, CommandSocket(tmp_path), StandingClock())
    ) as source:
        answer = await source.override(
            {"owner": "kim", "scope": scope, "hi_kw": 1e9, "reason": "t"}
        )
    lo_kw, hi_kw = answer["range_kw"]
    assert -1000 < lo_kw < 0 < hi_kw < 1000
    assert answer["held"] == {"hi_kw": hi_kw}


def set_aside(folder: Path) -> list[Path]:
    return list(folder.glob("overrides.damaged-*.json"))


@pytest.mark.parametrize("content", [b"garbage", b"\xff\xfe", b"[" * 100_000, b"7", b""])
async def test_damaged_overrides_keep_no_daemon_from_starting(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / OVERRIDES).write_bytes(content)
    commands = CommandSocket(tmp_path)
    async with command_source(request(tmp_path, commands, StandingClock())) as source:
        assert source.proposals() == []
        await source.override({"owner": "kim", "scope": "home-bat", "hi_kw": 2, "reason": "t"})
    assert [kept.read_bytes() for kept in set_aside(tmp_path)] == [content]


async def test_a_folder_in_the_place_of_overrides_makes_way(tmp_path: Path) -> None:
    (tmp_path / OVERRIDES).mkdir()
    commands = CommandSocket(tmp_path)
    async with command_source(request(tmp_path, commands, StandingClock())) as source:
        told = await source.override(
            {"owner": "kim", "scope": "home-bat", "hi_kw": 2, "reason": "t"}
        )
    assert told["unkept"] == ""
    assert [kept.is_dir() for kept in set_aside(tmp_path)] == [True]


async def test_an_override_of_what_the_city_no_longer_has_is_left_out(tmp_path: Path) -> None:
    kept = {"id": "a", "scope": "home-bat", "hi_kw": 2, "reason": "t", "until": "2030-01-01T00:00Z"}
    wrong = [{**kept, "id": "b", "scope": "gone"}, 7, {}, {**kept, "id": "c", "until": "soon"}]
    (tmp_path / OVERRIDES).write_text(json.dumps([*wrong, kept]))
    commands = CommandSocket(tmp_path)
    async with command_source(request(tmp_path, commands, StandingClock())) as source:
        assert [p.id for p in source.proposals()] == ["a"]


GIVEN = '{"verb": "override", "scope": "home-bat", "reason": "t", "owner": "kim"'


@pytest.mark.parametrize(
    "line",
    [
        f'{GIVEN}, "hi_kw": 1, "for_s": 1e999}}',
        f'{GIVEN}, "hi_kw": 1, "for_s": NaN}}',
        f'{GIVEN}, "hi_kw": 1{"0" * 400}}}',
        '{"verb": ' + "[" * 30_000,
    ],
    ids=lambda line: line[-30:],
)
async def test_a_command_of_absurd_numbers_is_refused_in_words(tmp_path: Path, line: str) -> None:
    async with (
        CommandSocket(tmp_path) as commands,
        command_source(request(tmp_path, commands, StandingClock())) as source,
    ):
        reader, writer = await asyncio.open_unix_connection(tmp_path / NAME)
        writer.write(line.encode() + b"\n")
        answer = json.loads(await reader.readline())
        writer.close()
        assert answer["ok"] is False
        assert source.proposals() == []
