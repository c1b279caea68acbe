"""What the daemon's own commands refuse, whoever speaks to its socket."""

from pathlib import Path

import pytest

from tests.vpp.control.living.fakes import FakeAudit, pace
from tests.vpp.control.planning.cities import two_sites
from vpp.control.authority import AuthorityBook
from vpp.domain.errors import VppError
from vpp.domain.plain_words import LONGEST
from vpp.runtime.command_socket import CommandSocket, ask
from vpp.runtime.desk import Desk


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"why": ""}, "reason is missing: it goes on record"),
        ({"why": 3}, "reason is no text"),
        ({"who": "\u00a0"}, "who is missing"),
        ({"why": "x" * (LONGEST + 1)}, "reason has 201 characters"),
        ({"why": "\x1b[2J"}, "reason has the character"),
        ({"who": "\u202eeel"}, "who has the character"),
    ],
    ids=str,
)
async def test_words_that_no_record_takes_change_no_authority(
    tmp_path: Path, said: dict[str, object], why: str
) -> None:
    portfolio, audit = two_sites(), FakeAudit()
    device = next(iter(portfolio.writer_of.values()))
    book = AuthorityBook(tmp_path, portfolio.devices, audit=audit, pace=pace())
    async with CommandSocket(tmp_path) as commands, book:
        Desk(portfolio, book, lambda: None).open(commands)
        asked = {"verb": "set-authority", "device": device, "authority": "observe"}
        with pytest.raises(VppError, match=why):
            await ask(tmp_path, {**asked, "who": "lee", "why": "test", **said})
        assert book.entry(device).authority is None
        await ask(tmp_path, {**asked, "who": "lee", "why": "시험"})
        assert book.entry(device).why == "시험"
