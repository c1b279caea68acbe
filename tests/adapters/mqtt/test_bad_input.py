"""What a device may not say: it is counted, told once and dropped, and harms nothing."""

import json
import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from adapters.mqtt.messages import LARGEST_PAYLOAD
from adapters.mqtt.topics import SPOKEN
from tests.adapters.mqtt.heard import TELEMETRY, Heard, at, telemetry
from tests.adapters.mqtt.stations import META
from tests.thoroughness import examples
from vpp.domain.points import Quantity


def mutated(said: dict[str, Any], **changes: Any) -> bytes:
    return json.dumps(said | changes).encode()


CORPUS: Sequence[tuple[str, bytes]] = (
    ("telemetry", b""),
    ("telemetry", b"\xff\xfe\x00"),
    ("telemetry", b"null"),
    ("telemetry", b"[]"),
    ("telemetry", b'"' + b"x" * 1000),
    ("telemetry", b"[" * 60_000),
    ("telemetry", b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    ("telemetry", mutated(TELEMETRY, extra=None)[:-2]),
    ("telemetry", mutated(TELEMETRY, ts="2026-07-15T09:00:00")),
    ("telemetry", mutated(TELEMETRY, ts=1752570000)),
    ("telemetry", mutated(TELEMETRY, ts="9999-99-99T00:00:00Z")),
    ("telemetry", mutated(TELEMETRY, seq=-1)),
    ("telemetry", mutated(TELEMETRY, seq="1")),
    ("telemetry", mutated(TELEMETRY, seq=10**30)),
    ("telemetry", mutated(TELEMETRY, assets=[])),
    ("telemetry", mutated(TELEMETRY, assets={f"a{n}": {} for n in range(300)})),
    ("telemetry", mutated(TELEMETRY, assets={"cp1": {"power_kw": "7"}})),
    ("telemetry", mutated(TELEMETRY, assets={"cp1": {"power_kw": True}})),
    ("telemetry", mutated(TELEMETRY, assets={"cp1": {"power_kw": math.nan}})),
    ("telemetry", mutated(TELEMETRY, assets={"cp1": {"power_kw": math.inf}})),
    ("telemetry", mutated(TELEMETRY, assets={"cp1": {"power_kw": 1e9}})),
    ("telemetry", b'{"ts":"2026-07-15T09:00:00Z","seq":1,"assets":{"cp1":{"power_kw":1e999}}}'),
    ("telemetry", mutated(TELEMETRY, assets={"cp1": {"soc": 55}})),
    ("telemetry", mutated(TELEMETRY, assets={"cp1": {"energy_in_kwh": -1}})),
    ("telemetry", mutated(TELEMETRY, assets={"cp1": {"quality": {"power_kw": "fine"}}})),
    ("telemetry", mutated(TELEMETRY, assets={"cp1": {"state": 3}})),
    ("meta", b"{}"),
    ("meta", mutated(META, schema="1")),
    ("meta", mutated(META, maker="x" * 5000)),
    ("meta", mutated(META, assets={"cp1": {"allowed": [[1, 2, 3]]}})),
    ("status", b"online"),
    ("status", b'{"online":"true","boot":1}'),
    ("status", b'{"online":true}'),
    ("status", b'{"online":true,"boot":-1}'),
    ("status", b'{"online":true,"boot":1.5}'),
    ("session", b'{"assets":{"cp1":{}}}'),
    ("session", b'{"assets":{"cp1":{"plugged":true}}}'),
    ("session", mutated({}, assets={"cp1": {"plugged": True, "id": "s", "arrival": "noon"}})),
    (
        "session",
        mutated({}, assets={"cp1": {"plugged": True, "id": "s", "arrival": at(0), "min_kw": 9}}),
    ),
    (
        "session",
        mutated(
            {},
            assets={
                "cp1": {"plugged": True, "id": "s", "arrival": at(9), "departure": at(1)}
            },
        ),
    ),
    (
        "session",
        mutated(
            {},
            assets={
                "cp1": {"plugged": True, "id": "s", "arrival": "0001-01-01T00:00:00+14:00"}
            },
        ),
    ),
    ("session", mutated({}, assets={"cp1": {"plugged": False, "provenance": {"id": "god"}}})),
    ("alarm", b'{"id":1,"severity":"x","active":true}'),
    ("ack", b'{"id":"c","state":"done"}'),
    ("ack", b'{"state":"applied"}'),
)  # fmt: skip


@pytest.mark.parametrize(("suffix", "payload"), CORPUS)
async def test_malformed_input_is_counted_and_dropped(suffix: str, payload: bytes) -> None:
    heard = Heard()
    heard.say(suffix, payload)
    assert heard.hearing.counters.malformed == 1
    assert await heard.drain() == []
    assert heard.hearing.meta is None
    assert not heard.hearing.presence.online
    heard.say(*telemetry(7))
    assert (await heard.value(Quantity.POWER_KW))[0] == 7.0


async def test_a_payload_beyond_the_cap_is_not_even_read() -> None:
    heard = Heard()
    fits = json.dumps(TELEMETRY).encode().ljust(LARGEST_PAYLOAD)
    heard.say("telemetry", fits + b" ")
    assert await heard.drain() == []
    assert heard.hearing.counters.oversized == 1
    heard.say("telemetry", fits)
    assert len(await heard.drain()) == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)
KEYS = sorted({key for said in (META, TELEMETRY) for key in said} | {"online", "boot", "id"})


@settings(max_examples=examples(500))
@given(
    suffix=st.sampled_from(SPOKEN),
    retained=st.booleans(),
    payload=st.binary(max_size=200)
    | json_values.map(lambda v: json.dumps(v).encode())
    | st.dictionaries(st.sampled_from(KEYS), json_values).map(lambda v: json.dumps(v).encode()),
)
async def test_nothing_that_comes_raises(suffix: str, payload: bytes, *, retained: bool) -> None:
    heard = Heard()
    heard.say(suffix, payload, retained=retained)
    for batch in await heard.drain():
        assert all(math.isfinite(v) or math.isnan(v) for v in batch.values)


def test_bad_input_is_told_again_after_something_good_and_at_most_once_a_minute() -> None:
    heard = Heard()
    with capture_logs() as logs:
        for n in range(1, 121):
            heard.say("telemetry", b"x")
            heard.say(*telemetry(n))
            heard.clock.seconds += 1.0
        for _ in range(120):
            heard.say("telemetry", b"x")
            heard.clock.seconds += 1.0
    assert [one["event"] for one in logs] == ["bad input"] * 3
    assert heard.hearing.counters.malformed == 240


@pytest.mark.parametrize("suffix", ["telemetry", "alarm", "ack"])
def test_what_the_convention_does_not_retain_is_dropped_when_retained(suffix: str) -> None:
    heard = Heard()
    heard.say(suffix, {}, retained=True)
    assert heard.hearing.counters.retained == 1
    assert heard.hearing.counters.malformed == 0
