"""`python -m simulators city.yaml`: serve a simulated city, export its truth, or check its file."""

import argparse
import asyncio
import errno
import json
import os
import re
import signal
import stat
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from simulators.city import City
from simulators.city_file import LAST_PORT, read_city
from simulators.clock import FASTEST, checked_speed
from simulators.entry import CityError, UsageError
from simulators.examples import city_path
from simulators.export import export
from simulators.parent import end_with, listen
from simulators.wire import BrokerAddress, SimulatedCity
from simulators.wire.free_ports import free_base_port

EPILOG = """\
When everything listens, one line of JSON is printed:
  {"ready": true, "base_port": 15020, "start": "2026-07-15T05:20:00+09:00", "speed": 60.0,
   "broker": "127.0.0.1:15020", "devices": 61, "elapsed_s": 0.06, "monotonic_s": 5031.25}
The last two are one moment on both clocks: city seconds since the start, and this host's
monotonic clock.

examples:
  python -m simulators city-20.yaml
      serve the city at its own pace until Ctrl-C; any Modbus or MQTT client may talk to it
  python -m simulators city-20.yaml --base-port 0 --speed 60 --for 60s \\
      --write-log writes.jsonl
      an hour of the city in a minute on free ports, with every write it received
  python -m simulators city-20.yaml --export truth --from 2026-07-07 --to 2026-07-15
      write eight days of the world's truth as tables, and end

A fault script stands in the city file under `simulation.faults`; its kinds are described in
simulators/faults.py.

exit codes, as those of `vpp`: 0 done, 1 failed, 2 wrong command line, 3 wrong city file
"""
FAILED, WRONG_USE, WRONG_CITY = 1, 2, 3
UNITS_S = {"s": 1.0, "min": 60.0, "h": 3600.0}
TERMINAL = (signal.SIGINT, signal.SIGHUP)
"""What a terminal sends: at Ctrl-C, and when it is closed."""


def main() -> None:
    arguments = _parser().parse_args()
    try:
        if arguments.stop_with_parent:
            _leave_terminal()
        if arguments.stop_with_parent and (arguments.check or arguments.export):
            end_with(sys.stdin.fileno())
        if arguments.check:
            read_city(arguments.city, arguments.base_port)
        elif arguments.export:
            _export(arguments)
        else:
            _loop_runner()(_served(arguments))
    except OverflowError as error:
        sys.stderr.write(f"simulators: a time is outside the calendar: {error}\n")
        sys.exit(WRONG_USE)
    except (ValueError, OSError, ExceptionGroup) as error:
        cause = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
        if not isinstance(cause, ValueError | OSError):
            raise
        sys.stderr.write(f"simulators: {cause}{_remedy(cause)}\n")
        sys.exit(_code(cause))


def _code(cause: Exception) -> int:
    if isinstance(cause, UsageError):
        return WRONG_USE
    return WRONG_CITY if isinstance(cause, CityError) else FAILED


def _remedy(cause: Exception) -> str:
    if isinstance(cause, OSError) and cause.errno == errno.EADDRINUSE:
        return ": another simulated city has these ports? --base-port 0 finds free ones"
    return ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulators",
        description="Serve a simulated city on real sockets: Modbus TCP devices, MQTT charging"
        " stations and, unless --broker names one, their broker. Serves until Ctrl-C.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("city", type=_city_file, help="the city file (YAML), or the name of a shipped example")
    add(
        "--base-port",
        type=_port,
        metavar="N",
        help="first port; the city file's port offsets count from it (0: a free one is found;"
        " default: simulation.base_port of the city file)",
    )
    add(
        "--speed",
        type=_speed,
        default=1.0,
        metavar="X",
        help="city seconds per second, up to 600 (default 1)",
    )
    add(
        "--start",
        type=_instant,
        metavar="ISO",
        help="start, in the city's time or with an offset (default: simulation.start of the file)",
    )
    add(
        "--broker",
        type=_broker,
        metavar="HOST:PORT",
        help="use this MQTT broker instead of the embedded one",
    )
    add(
        "--for",
        dest="for_s",
        type=_duration_s,
        metavar="60s",
        help="end after this time of the clock on the wall (s, min or h)",
    )
    add(
        "--write-log",
        type=Path,
        metavar="FILE",
        help="append every write that a device receives to FILE, one JSON object a line",
    )
    add(
        "--stop-with-parent",
        action="store_true",
        help="end when standard input closes, ignore SIGINT and SIGHUP, run in a session of its"
        " own: for a parent that must see its devices safe when Ctrl-C or a closed terminal reaches"
        " the whole foreground group; a line 'speed X' on standard input changes the speed",
    )
    add(
        "--check",
        action="store_true",
        help="read the city file, say what is wrong for a simulation and where, and end",
    )
    group = parser.add_argument_group("export the world's truth instead of serving it")
    group.add_argument("--export", type=Path, metavar="DIR", help="write tables into DIR and end")
    group.add_argument(
        "--from",
        dest="first",
        type=_instant,
        metavar="ISO",
        help="first instant of the export, in the city's time or with an offset (+09:00, Z)",
    )
    group.add_argument(
        "--to",
        dest="last",
        type=_instant,
        metavar="ISO",
        help="end of the export, alike, itself left out",
    )
    group.add_argument(
        "--step",
        type=_duration_s,
        default=900.0,
        metavar="15min",
        help="length of a row (default 15min)",
    )
    return parser  # fmt: skip


def _city_file(text: str) -> Path:
    try:
        found = city_path(Path(text))
    except CityError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not found.exists():
        raise argparse.ArgumentTypeError(f"there is no file {text!r}")
    return found


def _speed(text: str) -> float:
    try:
        return checked_speed(float(text))
    except ValueError:
        problem = f"{text!r} is no speed from 0 to {FASTEST:g}"
        raise argparse.ArgumentTypeError(problem) from None


def _export(arguments: argparse.Namespace) -> None:
    if arguments.export.exists() and not arguments.export.is_dir():
        raise UsageError(f"--export {arguments.export} is a file: name a folder, it is made")
    city = read_city(arguments.city, arguments.base_port)
    first, last = _aware(arguments.first, city), _aware(arguments.last, city)
    if first is None or last is None:
        raise UsageError(
            "--export needs --from and --to, two times of the city, such as"
            " --from 2026-07-15 --to 2026-07-16 for a whole day"
        )
    for path in export(city, arguments.export, first, last, timedelta(seconds=arguments.step)):
        sys.stdout.write(f"{path}\n")


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        problem = f"{text!r} is no time; 2026-07-15T05:20+09:00 or 2026-07-15 would be"
        raise argparse.ArgumentTypeError(problem) from None


def _broker(text: str) -> BrokerAddress:
    try:
        return BrokerAddress.parse(text)
    except ValueError:
        problem = f"{text!r} is no address; 127.0.0.1:1883 would be"
        raise argparse.ArgumentTypeError(problem) from None


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= LAST_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 0 to {LAST_PORT}")
    return int(text)


def _duration_s(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(s|min|h)", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; 60s, 15min or 2h would be")
    return float(found[1]) * UNITS_S[found[2]]


def _leave_terminal() -> None:
    kind = os.fstat(sys.stdin.fileno()).st_mode
    if not (stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind)):
        raise UsageError("--stop-with-parent needs the parent's pipe on standard input")
    for number in TERMINAL:
        signal.signal(number, signal.SIG_IGN)
    with suppress(PermissionError):  # it leads its session already
        os.setsid()


def _loop_runner() -> Callable[[Coroutine[Any, Any, None]], None]:
    """That of uvloop where it is installed: it halves the cost of a thousand devices."""
    try:
        import uvloop  # noqa: PLC0415 - not everywhere
    except ImportError:
        return asyncio.run
    return uvloop.run


async def _served(arguments: argparse.Namespace) -> None:
    city = _city(arguments)
    simulated = SimulatedCity(
        city,
        speed=arguments.speed,
        start=_aware(arguments.start, city),
        broker=arguments.broker,
        write_log=arguments.write_log,
        writes_kept=0,  # nobody in this process looks at them
    )
    async with simulated:
        stop = asyncio.Event()
        _stop_on(stop)
        if arguments.stop_with_parent:
            listen(sys.stdin.fileno(), simulated.clock, stop.set)
        sys.stdout.write(json.dumps(_ready(simulated)) + "\n")
        sys.stdout.flush()
        with suppress(TimeoutError):
            async with asyncio.timeout(arguments.for_s):
                await stop.wait()


def _city(arguments: argparse.Namespace) -> City:
    if arguments.base_port != 0:
        return read_city(arguments.city, arguments.base_port)
    zero, one = read_city(arguments.city, 0), read_city(arguments.city, 1)
    moving = {a.id for a, b in zip(zero.links, one.links, strict=True) if a.port != b.port}
    weather = () if zero.weather_port is None else (zero.weather_port,)
    base = free_base_port([*weather, *(k.port for k in zero.links if k.id in moving)])
    links = (
        replace(link, port=link.port + base) if link.id in moving else link for link in zero.links
    )
    port = None if zero.weather_port is None else zero.weather_port + base
    return replace(zero, base_port=base, links=tuple(links), weather_port=port)


def _aware(instant: datetime | None, city: City) -> datetime | None:
    """A time without offset is local time of the city: the first, where its clocks show it twice.

    A day whose midnight they skip begins where they go on.
    """
    if instant is None or instant.tzinfo is not None:
        return instant
    zone = ZoneInfo(city.time_zone)
    found = instant.replace(tzinfo=zone, fold=0).astimezone(UTC).astimezone(zone)
    if found.replace(tzinfo=None) != instant.replace(fold=0) and instant.time() != time.min:
        before = instant.replace(tzinfo=zone, fold=1).astimezone(UTC).astimezone(zone)
        raise UsageError(
            f"the clocks of {zone} skip {instant.isoformat()}: write {before.isoformat()} or"
            f" {found.isoformat()}"
        )
    return found


def _stop_on(stop: asyncio.Event) -> None:
    """The terminal's as well, unless they are ignored."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    for number in TERMINAL:
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, stop.set)


def _ready(simulated: SimulatedCity) -> dict[str, Any]:
    brokers = sorted({str(link.broker) for link in simulated.stations.values()})
    reading = simulated.clock.reading()
    return {
        "ready": True,
        "base_port": simulated.base_port,
        "start": simulated.clock.start.isoformat(),
        "speed": simulated.clock.speed,
        "broker": brokers[0] if brokers else None,
        "devices": len(simulated.devices) + len(simulated.stations),
        "elapsed_s": reading.elapsed_s,
        "monotonic_s": reading.wire_s,
    }


if __name__ == "__main__":
    main()
