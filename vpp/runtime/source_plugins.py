"""Opens every installed source of proposals, found by name."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import cast

from vpp.ports import plugins
from vpp.ports.sources import Source, SourceFactory, SourceRequest


async def open_sources(request: SourceRequest, stack: AsyncExitStack) -> Mapping[str, Source]:
    """Enter every source into the stack.

    Raises:
        ConfigurationError: one cannot be imported.
    """
    sources: dict[str, Source] = {}
    for name in plugins.names(plugins.SOURCES):
        factory = cast("SourceFactory", plugins.load(plugins.SOURCES, name))
        sources[name] = await stack.enter_async_context(factory(request))
    return sources
