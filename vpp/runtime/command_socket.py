"""How the CLI and other programs on this host reach the daemon: JSON lines on a Unix socket.

A request is ``{"verb": ..., ...}``, the answer ``{"ok": true, ...}`` or ``{"ok": false, "error":
...}``. Access is that of the state directory: its owner alone.
"""

import asyncio
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog

from vpp.domain.errors import VppError
from vpp.ports.sources import Handler
from vpp.runtime.damage import make_way

NAME = "command.sock"
LONGEST_LINE = 1 << 16
LONGEST_PATH = 107
"""Bytes of a Unix socket's name (``sun_path`` of Linux)."""
_log = structlog.get_logger(__name__)


class CommandSocket:
    """Serves registered verbs while it is entered."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME
        if len(os.fsencode(self._path)) > LONGEST_PATH:
            raise VppError(
                f"{self._path} is too long for a socket's name: at most {LONGEST_PATH} bytes; name"
                " a shorter folder with VPP_STATE_HOME"
            )
        self._handlers: dict[str, Handler] = {}

    def answer(self, verb: str, handler: Handler) -> None:
        if verb in self._handlers:
            raise VppError(f"the command {verb!r} is answered already")
        self._handlers[verb] = handler

    async def __aenter__(self) -> Self:
        make_way(self._path, Path.is_socket)
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self._path, limit=LONGEST_LINE)
        self._path.chmod(0o600)
        self._made = self._path.stat()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        with suppress(OSError):  # it is gone, or in a place that can be read only
            if os.path.samestat(self._made, self._path.stat()):
                self._path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(30):
                while line := await reader.readline():
                    writer.write(json.dumps(await self._reply(line)).encode() + b"\n")
                    await writer.drain()
        except (OSError, ValueError, TimeoutError) as fault:
            _log.info("command connection ended", why=repr(fault))
        finally:
            writer.close()

    async def _reply(self, line: bytes) -> Mapping[str, Any]:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            return _refusal("not a line of JSON")
        if not isinstance(request, dict) or not isinstance(request.get("verb"), str):
            return _refusal("expected an object with a verb")
        handler = self._handlers.get(request["verb"])
        if handler is None:
            known = ", ".join(sorted(self._handlers))
            return _refusal(f"unknown verb {request['verb']!r}; known: {known}")
        try:
            return {"ok": True, **await handler(request)}
        except (VppError, KeyError, TypeError, ValueError, ArithmeticError, OSError) as fault:
            return _refusal(f"missing {fault}" if isinstance(fault, KeyError) else str(fault))


def _refusal(why: str) -> dict[str, Any]:
    return {"ok": False, "error": why}


async def ask(directory: Path, request: Mapping[str, Any], *, timeout_s: float = 10.0) -> Any:
    """Send one request to the daemon of this state directory.

    Raises:
        VppError: no daemon answers, or it refuses; the message is its own.
    """
    path = directory / NAME
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_unix_connection(path, limit=1 << 24)
            writer.write(json.dumps(dict(request)).encode() + b"\n")
            line = await reader.readline()
            writer.close()
    except (FileNotFoundError, ConnectionRefusedError) as fault:
        raise VppError(
            f"no running daemon of {directory.name} on this host (looked for {path}): start it with"
            " 'vpp run', or name the one that is meant by --city or --portfolio; another"
            " VPP_STATE_HOME hides it, too"
        ) from fault
    except PermissionError as fault:
        raise VppError(f"{path} belongs to another user: ask as the daemon's own") from fault
    except TimeoutError as fault:
        raise VppError(f"the daemon at {path} did not answer within {timeout_s:.0f} s") from fault
    except OSError as fault:
        raise VppError(f"the daemon at {path} cannot be asked: {fault}") from fault
    if not line:
        raise VppError(f"the daemon at {path} closed the connection")
    answer = json.loads(line)
    if not answer.pop("ok"):
        raise VppError(answer["error"])
    return answer
