import asyncio
import contextlib
import json
import socket
from collections.abc import Sequence

import pytest

from vpp.domain.errors import VppError
from vpp.web.connection import MOST
from vpp.web.health import application
from vpp.web.server import serving

PATIENCE_S = 30.0


class Patient:
    """A daemon of which one thing is wrong."""

    measured = b"vpp_ticks_total 3\n"

    def __init__(self, *, ills: Sequence[str] = (), lacks: Sequence[str] = ()) -> None:
        self._ills, self._lacks = ills, lacks

    def ills(self) -> Sequence[str]:
        return self._ills

    def lacks(self) -> Sequence[str]:
        return self._lacks

    def metrics(self) -> bytes:
        return self.measured


async def get(port: int, path: str) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


async def test_a_well_daemon_answers_all_three() -> None:
    async with serving(application(Patient()), host="127.0.0.1", port=0) as port:
        assert await get(port, "/healthz") == (200, b'{"healthy":true,"because":[]}')
        assert (await get(port, "/readyz"))[0] == 200
        assert await get(port, "/metrics") == (200, b"vpp_ticks_total 3\n")


async def test_the_root_and_a_wrong_path_name_what_can_be_asked() -> None:
    async with serving(application(Patient()), host="127.0.0.1", port=0) as port:
        status, body = await get(port, "/")
        assert status == 200
        paths = json.loads(body)["paths"]
        assert [(await get(port, path))[0] for path in paths] == [200, 200, 200]
        status, body = await get(port, "/nothing")
        assert (status, json.loads(body)["paths"]) == (404, paths)
        assert json.loads(body)["error"] == "there is no /nothing"


async def test_what_is_wrong_is_said_with_503() -> None:
    patient = Patient(ills=["no tick for 12 s"], lacks=["device apt-01-ess not read"])
    async with serving(application(patient), host="127.0.0.1", port=0) as port:
        status, body = await get(port, "/healthz")
        assert (status, json.loads(body)["because"]) == (503, ["no tick for 12 s"])
        status, body = await get(port, "/readyz")
        assert (status, json.loads(body)["because"]) == (503, ["device apt-01-ess not read"])


async def test_a_client_that_does_not_read_its_answer_keeps_nobody_waiting() -> None:
    patient = Patient()
    patient.measured = bytes(20_000_000)
    async with asyncio.timeout(PATIENCE_S):
        async with serving(application(patient), host="127.0.0.1", port=0) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_clients_that_never_ask_leave_sockets_for_the_devices() -> None:
    async with serving(application(Patient()), host="127.0.0.1", port=0) as port:
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MOST)]
        reader, one_more = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(PATIENCE_S):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        idle[0][1].close()
        async with asyncio.timeout(PATIENCE_S):
            while True:  # until the server has taken note of it
                with contextlib.suppress(ConnectionError, IndexError):
                    assert (await get(port, "/healthz"))[0] == 200
                    break
        for _, writer in (*idle, (reader, one_more)):
            writer.close()


async def test_what_no_client_may_ask_stays_out_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving(application(Patient()), host="127.0.0.1", port=0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x16\x03\x01\x02 nonsense\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 400")
        writer.close()
    assert caplog.records == []


async def test_a_taken_port_is_a_clear_fault() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(VppError, match=f"127.0.0.1:{port}.*in use"):
            async with serving(application(Patient()), host="127.0.0.1", port=port):
                pass
