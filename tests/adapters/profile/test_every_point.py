"""Every point of every shipped profile, and all that is said of them, against the vendor's map."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import pytest

from adapters.modbus.readings import Bound
from adapters.modbus.survey import Survey, survey
from adapters.profile.library import MODBUS
from adapters.profile.profile import Choice, Profile, Reading
from tests.adapters.profile.recorded.devices import RECORDED
from tests.adapters.profile.recorded.recording import Answers, Recording, Says, Words
from vpp.domain.arrays import Floats
from vpp.domain.devices import Identity
from vpp.domain.ids import AssetId
from vpp.domain.points import Quantity
from vpp.domain.quality import Quality

POINTS = [(name, point) for name, recording in RECORDED.items() for point in recording.points]
SAID = [(name, said) for name, recording in RECORDED.items() for said in recording.says]
READINGS = [
    (name, kind, reading.quantity)
    for name in MODBUS.names()
    for kind, readings in MODBUS.shipped(name).readings.items()
    for reading in readings
]


def test_every_profile_that_is_shipped_is_here() -> None:
    assert tuple(RECORDED) == MODBUS.names()


@pytest.mark.parametrize("name", MODBUS.names())
def test_every_point_has_a_case(name: str) -> None:
    profile = MODBUS.shipped(name)
    numbers = profile.points.keys() - set(profile.identity.values())

    assert RECORDED[name].points.keys() == numbers
    assert all(point.means for point in RECORDED[name].points.values()), "0 hides sign and scale"


@dataclass(frozen=True)
class Looked:
    """A recorded device as the adapter sees it."""

    found: Survey
    numbers: Floats
    values: Floats
    bound: tuple[Bound, ...]

    def value(self, point: str) -> float:
        return float(self.values[self.found.decoder.at(point)])

    def said(self, kind: str, quantity: Quantity) -> float | None:
        """None where nothing is known."""
        values, qualities = self.found.readings.of(self.numbers, self.values)
        wanted = (AssetId(kind), quantity)
        (i,) = (i for i, b in enumerate(self.bound) if (b.subject, b.reading.quantity) == wanted)
        return float(values[i]) if qualities[i] == Quality.GOOD else None


async def look(
    profile: Profile, recording: Recording, holding: Mapping[str, Words] | None = None
) -> Looked:
    answers = Answers(recording.registers(holding))
    numbers = frozenset(profile.points.keys() - set(profile.identity.values()))
    bound = tuple(
        Bound(subject=AssetId(kind), reading=reading)
        for kind, readings in profile.readings.items()
        for reading in readings
    )
    found = await survey(profile, bound, numbers, answers, 1)
    raw = [
        number for block in found.blocks for number in block.decode(await answers(block.request))
    ]
    return Looked(found, *found.decoder.house(raw), bound)


@pytest.mark.parametrize(("name", "point"), POINTS)
async def test_a_point_means_what_the_map_says(name: str, point: str) -> None:
    recording = RECORDED[name]
    looked = await look(MODBUS.shipped(name), recording)

    assert looked.value(point) == pytest.approx(recording.points[point].means, rel=1e-6)


@pytest.mark.parametrize("name", MODBUS.names())
async def test_the_identity_is_what_the_map_says(name: str) -> None:
    looked = await look(MODBUS.shipped(name), RECORDED[name])

    assert looked.found.identity == Identity(
        maker="Voltwerk", model="VW-9", serial="VW-000451", version="3.14"
    )


def same(found: float | None, value: float | None) -> bool:
    if found is None or value is None:
        return found is value
    return found == pytest.approx(value, rel=1e-6, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize(
    ("name", "said"), SAID, ids=[f"{n}-{s.kind}-{s.quantity}-{i}" for i, (n, s) in enumerate(SAID)]
)
async def test_an_asset_is_said_to_be_what_the_registers_say(name: str, said: Says) -> None:
    looked = await look(MODBUS.shipped(name), RECORDED[name], said.while_)

    assert same(looked.said(said.kind, said.quantity), said.value)


def less(choice: Choice) -> Iterable[Choice]:
    """The choice without one of the raw values that it asks for, or of its least."""
    for i, (point, raws) in enumerate(choice.when):
        for raw in raws:
            left = (point, raws - {raw})
            yield replace(choice, when=(*choice.when[:i], left, *choice.when[i + 1 :]))
    if choice.least == 0:
        yield replace(choice, least=-1e9)


def impoverished(reading: Reading) -> Iterable[Reading]:
    for i, choice in enumerate(reading.choices):
        before, after = reading.choices[:i], reading.choices[i + 1 :]
        if before or after:
            yield replace(reading, choices=(*before, *after))
        for poorer in less(choice):
            yield replace(reading, choices=(*before, poorer, *after))


@pytest.mark.parametrize(("name", "kind", "quantity"), READINGS)
async def test_every_way_to_say_a_quantity_decides_a_case(
    name: str, kind: str, quantity: Quantity
) -> None:
    recording, profile = RECORDED[name], MODBUS.shipped(name)
    cases = [s for s in recording.says if (s.kind, s.quantity) == (kind, quantity)]
    (reading,) = (r for r in profile.readings[kind] if r.quantity == quantity)

    assert cases
    for poorer in impoverished(reading):
        lacking = replace(profile, readings={kind: (poorer,)})
        looks = [(await look(lacking, recording, case.while_), case) for case in cases]
        assert not all(same(looked.said(kind, quantity), case.value) for looked, case in looks), (
            f"without {set(reading.choices) - set(poorer.choices)} every case is as before"
        )
