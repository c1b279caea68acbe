"""Text for readers that are slow, asleep or gone."""

import fcntl
import os
import re
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from vpp.runtime.outlet import Outlet, is_behind, unhurried

PIPE = 4096
"""Bytes that the pipe of these tests holds."""
SOON_S = 10.0


def told(lines: int) -> str:
    return f"{lines} missing"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reads, writes = os.pipe()
    fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, PIPE)
    yield reads, writes
    for end in (reads, writes):
        try:
            os.close(end)
        except OSError:
            assert end == reads, "only the reader goes away in a test"


def read_until(reads: int, last: str) -> str:
    text = ""
    while last not in text:
        text += os.read(reads, PIPE).decode()
    return text


def line(number: int) -> str:
    return f"line {number:04} {'.' * 90}\n"


@pytest.mark.parametrize("blocking", [True, False])
def test_what_nobody_reads_is_dropped_counted_and_told_at_its_place(
    pipe: tuple[int, int], *, blocking: bool
) -> None:
    reads, writes = pipe
    os.set_blocking(writes, blocking)
    outlet = Outlet(writes, told, room=2 * PIPE)
    for number in range(1000):
        outlet.write(line(number).encode())
    assert outlet.behind
    text = read_until(reads, "missing\n")
    outlet.write(b"last\n")
    text += read_until(reads, "last\n")
    kept = re.findall(r"line (\d+)", text)
    assert kept == [f"{number:04}" for number in range(len(kept))]
    assert text == "".join(map(line, range(len(kept)))) + f"{1000 - len(kept)} missing\nlast\n"
    assert 2 * PIPE <= len(text) <= 4 * PIPE


def test_a_reader_that_is_gone_is_no_fault_and_nothing_is_waited_for(pipe: tuple[int, int]) -> None:
    reads, writes = pipe
    file = unhurried(writes, told)
    os.close(reads)
    for number in range(3):
        print(line(number), file=file)
    outlet = file.buffer
    assert isinstance(outlet, Outlet)
    outlet.await_reader(SOON_S)
    assert not is_behind(file)


def test_at_the_end_a_reader_that_does_not_read_is_given_up(pipe: tuple[int, int]) -> None:
    outlet = Outlet(pipe[1], told)
    outlet.write(bytes(2 * PIPE))
    outlet.await_reader(0.01)
    assert outlet.behind
    read_until(pipe[0], "\0")


def test_a_full_disk_costs_lines_that_are_counted_and_the_next_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    outlet = Outlet(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), told)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (250, hard))
    try:
        for number in range(4):
            outlet.write(line(number).encode())
        outlet.await_reader(SOON_S)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    outlet.write(line(4).encode())
    outlet.await_reader(SOON_S)
    os.close(outlet.fileno())
    first, second, cut, missing, last = path.read_text().splitlines(keepends=True)
    assert (first, second, last) == (line(0), line(1), line(4))
    assert line(2).startswith(cut.rstrip("\n"))
    assert missing == "2 missing\n"


def test_what_the_encoding_lacks_is_replaced(pipe: tuple[int, int]) -> None:
    reads, writes = pipe
    print("1.0 kW · 50 %", file=unhurried(writes, told, encoding="ascii"))
    assert read_until(reads, "\n") == "1.0 kW ? 50 %\n"
