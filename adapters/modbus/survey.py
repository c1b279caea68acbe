"""Looks at a device once per connection: its models, scale factors and identity."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from adapters.modbus.blocks import Block, Decoder, blocks_of
from adapters.modbus.codec import decode_text
from adapters.modbus.layout import Registers, place, power_of_ten, scale_registers
from adapters.modbus.pdu import read_request
from adapters.modbus.readings import Bound, Readings
from adapters.modbus.recipes import Writer
from adapters.modbus.sunspec import NOT_THERE, discover
from adapters.profile.profile import InModel, Profile
from vpp.domain.devices import Identity
from vpp.domain.errors import Refused

Ask = Callable[[bytes], Awaitable[bytes]]
"""Sends one request to the device and returns the registers."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Survey:
    """One device on one connection, ready to be read and written."""

    connect: int
    """Number of the connection on which it was made."""
    identity: Identity
    placed: Mapping[str, Registers]
    blocks: tuple[Block, ...]
    """What a round reads."""
    decoder: Decoder
    readings: Readings
    writer: Writer


async def survey(
    profile: Profile, bound: tuple[Bound, ...], polled: frozenset[str], ask: Ask, connect: int
) -> Survey:
    """Look at the device; ``polled``: points that every round reads.

    Raises:
        WrongDevice: it does not speak this profile.
        DeviceError: nothing usable came.
    """

    async def read(address: int, count: int) -> bytes:
        return await ask(read_request(address, count))

    modelled = any(isinstance(point.place, InModel) for point in profile.points.values())
    placed = place(profile, await discover(read) if modelled else {})
    powers = await _powers(profile, placed, ask)
    polled_registers = [registers for name, registers in placed.items() if name in polled]
    blocks = await _round(profile, polled_registers, ask)
    decoder = Decoder(blocks, powers)
    return Survey(
        connect=connect,
        identity=await _identity(profile, placed, ask),
        placed=placed,
        blocks=blocks,
        decoder=decoder,
        readings=Readings(bound, decoder),
        writer=Writer(profile, placed, powers),
    )


async def _round(profile: Profile, points: Sequence[Registers], ask: Ask) -> tuple[Block, ...]:
    """What every round reads: over the ends of models where the device proves to allow it."""
    apart = _blocks(profile, points)
    if not profile.manners.across_models:
        return apart
    manners = profile.manners
    joined = blocks_of(points, most=manners.max_registers, gap=manners.max_gap, across=True)
    try:
        for block in joined:
            if block.across:
                await ask(block.request)
    except Refused as refused:
        if refused.code not in NOT_THERE:
            raise
        return apart
    return joined


def _blocks(profile: Profile, points: Iterable[Registers]) -> tuple[Block, ...]:
    return blocks_of(points, most=profile.manners.max_registers, gap=profile.manners.max_gap)


async def _powers(
    profile: Profile, placed: Mapping[str, Registers], ask: Ask
) -> Mapping[str, int | None]:
    powers: dict[str, int | None] = {}
    for block in _blocks(profile, scale_registers(placed.values()).values()):
        data = await ask(block.request)
        for point in block.points:
            powers[point.name] = power_of_ten(point, _part(data, block, point))
    return powers


async def _identity(profile: Profile, placed: Mapping[str, Registers], ask: Ask) -> Identity:
    fields = {f: placed[name] for f, name in profile.identity.items() if name in placed}
    texts: dict[str, str] = {}
    for block in _blocks(profile, fields.values()):
        data = await ask(block.request)
        texts |= {p.name: decode_text(_part(data, block, p)) for p in block.points}
    return Identity(**{field: texts[registers.name] for field, registers in fields.items()})


def _part(data: bytes, block: Block, point: Registers) -> bytes:
    first = 2 * (point.address - block.points[0].address)
    return data[first : first + 2 * point.type.registers]
