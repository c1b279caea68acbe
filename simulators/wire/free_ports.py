"""A base port at which every port of a city is free."""

import random
import socket
from collections.abc import Iterable

LOWEST, HIGHEST = 20000, 32000
"""Below the ports that Linux hands out to outgoing connections."""
TRIES = 200


def free_base_port(offsets: Iterable[int], host: str = "127.0.0.1") -> int:
    """A base to which all `offsets` can be added; another process may still be faster."""
    wanted = sorted(set(offsets)) or [0]
    draw = random.SystemRandom()
    for _ in range(TRIES):
        base = draw.randrange(LOWEST, HIGHEST)
        if all(_is_free(host, base + offset) for offset in wanted):
            return base
    raise OSError(f"no {len(wanted)} free ports found between {LOWEST} and {HIGHEST}")


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as trial:
        try:
            trial.bind((host, port))
        except OSError:
            return False
    return True
