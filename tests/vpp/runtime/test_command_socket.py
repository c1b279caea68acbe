import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from vpp.domain.errors import InvariantError, VppError
from vpp.runtime.command_socket import NAME, CommandSocket, ask


async def echo(asked: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"heard": asked["word"]}


async def refuse(_: Mapping[str, Any]) -> Mapping[str, Any]:
    raise InvariantError("an override lasts at most 4 hours")


async def test_a_verb_is_answered_and_a_refusal_keeps_its_words(tmp_path: Path) -> None:
    async with CommandSocket(tmp_path) as commands:
        commands.answer("echo", echo)
        commands.answer("refuse", refuse)
        assert await ask(tmp_path, {"verb": "echo", "word": "hello"}) == {"heard": "hello"}
        with pytest.raises(VppError, match="lasts at most 4 hours"):
            await ask(tmp_path, {"verb": "refuse"})
        with pytest.raises(VppError, match="missing 'word'"):
            await ask(tmp_path, {"verb": "echo"})
        with pytest.raises(VppError, match="unknown verb 'sing'; known: echo, refuse"):
            await ask(tmp_path, {"verb": "sing"})


async def test_without_a_daemon_the_message_names_the_socket(tmp_path: Path) -> None:
    with pytest.raises(VppError, match=rf"no running daemon.*{NAME}"):
        await ask(tmp_path, {"verb": "echo"})


@pytest.mark.parametrize(
    "line", [b"\n", b"[]\n", b'{"verb": 3}\n', b"\xff\xfe\n", b"x" * 70000 + b"\n"]
)
async def test_garbage_is_refused_or_cut_off_and_the_next_caller_is_served(
    tmp_path: Path, line: bytes
) -> None:
    async with CommandSocket(tmp_path) as commands:
        commands.answer("echo", echo)
        reader, writer = await asyncio.open_unix_connection(tmp_path / NAME)
        writer.write(line)
        answer = await asyncio.wait_for(reader.readline(), 5)
        assert not answer or json.loads(answer)["ok"] is False
        writer.close()
        assert await ask(tmp_path, {"verb": "echo", "word": "next"}) == {"heard": "next"}


async def test_only_the_owner_may_speak(tmp_path: Path) -> None:
    async with CommandSocket(tmp_path):
        assert (tmp_path / NAME).stat().st_mode & 0o077 == 0


def test_a_state_directory_too_deep_for_a_socket_is_told_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(VppError, match="at most 107 bytes; name a shorter folder with VPP_STATE"):
        CommandSocket(tmp_path / ("d" * 100))
