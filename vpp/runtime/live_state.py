"""Where other processes see the newest state: nowhere by default, or in Redis.

The daemon's memory is the truth. A store that is down, slow, full or wiped costs a counter and one
line in the log, never a tick: the next write brings everything again.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import redis.asyncio as redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from vpp.domain.errors import StoreUnavailable
from vpp.domain.ids import PortfolioId

PATIENCE_S = 0.2
"""Longest wait for the store."""
SHOWN = 300
"""Characters of what Redis says; it may repeat what was written."""
OF_ANOTHER_TYPE = "WRONGTYPE"
"""How Redis says that a key holds no hash."""
LIFE_S = 900
"""A state that nobody renews for this long is gone."""


class MemoryLiveState:
    """``vpp.ports.store.LiveState`` within this process."""

    def __init__(self) -> None:
        self._fields: dict[str, bytes] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    async def put(self, fields: Mapping[str, bytes]) -> None:
        self._fields |= fields

    async def read(self) -> Mapping[str, bytes]:
        return dict(self._fields)


class RedisLiveState:
    """``vpp.ports.store.LiveState`` as one hash per portfolio, ``vpp:<portfolio>``.

    One multi-field write per call: it costs an eighth of a pipeline of single ones.
    """

    def __init__(self, url: str, portfolio: PortfolioId, *, patience_s: float = PATIENCE_S) -> None:
        """Connects when it is first used, and waits for it so many wire seconds.

        Raises:
            StoreUnavailable: this is no address of a Redis.
        """
        self._url, self._key, self._patience_s = url, f"vpp:{portfolio}", patience_s
        try:
            self._client = redis.Redis.from_url(
                url,
                socket_connect_timeout=patience_s,
                socket_timeout=patience_s,
                retry=Retry(NoBackoff(), 1),
            )
        except (ValueError, TypeError) as error:
            raise StoreUnavailable(
                f"{url!r} is no address of a Redis ({error}); write redis://127.0.0.1:6379/0"
            ) from error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def put(self, fields: Mapping[str, bytes]) -> None:
        if not fields:
            return
        try:
            async with asyncio.timeout(self._patience_s), self._client.pipeline() as together:
                together.hset(self._key, items=_flat(fields))
                together.expire(self._key, LIFE_S)
                await together.execute()
        except (RedisError, OSError, TimeoutError) as error:
            if OF_ANOTHER_TYPE in str(error):
                await self._clear()
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        return StoreUnavailable(f"Redis at {self._url}: {str(error)[:SHOWN] or repr(error)}")

    async def _clear(self) -> None:
        """Take away what somebody else has put under our key: the next write brings all again."""
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(self._patience_s):
                await self._client.delete(self._key)

    async def read(self) -> Mapping[str, bytes]:
        try:
            async with asyncio.timeout(self._patience_s):
                found = await self._client.hgetall(self._key)
        except (RedisError, OSError, TimeoutError) as error:
            raise self._unavailable(error) from error
        return {_bytes(name).decode(): _bytes(value) for name, value in found.items()}


def _flat(fields: Mapping[str, bytes]) -> list[str | bytes]:
    return [part for field in fields.items() for part in field]


def _bytes(answered: bytes | str) -> bytes:
    return answered.encode() if isinstance(answered, str) else answered
