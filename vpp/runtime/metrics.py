"""What Prometheus sees, in base units: watts, joules, seconds, ratios, bytes.

Values of the fleet are written straight from the newest snapshot, with names and labels prepared
once (a gauge object per series would hold the loop 27 times as long); counters and histograms of
the daemon itself are ``prometheus_client``'s. Labels are ids of the configuration or words of the
vocabulary, so their number is bounded.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Generic, TypeVar

import numpy as np
from prometheus_client import (
    CollectorRegistry,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from vpp.control.inputs import Alarm
from vpp.domain.arrays import Floats
from vpp.domain.command import WriteClass
from vpp.domain.ids import AssetId, PoolId
from vpp.domain.ladder import Rung
from vpp.domain.outcome import Outcome
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio
from vpp.domain.quality import Quality
from vpp.domain.setpoint import Setpoint
from vpp.domain.snapshot import Column, Layout, Snapshot
from vpp.runtime.score import Reached

_Word = TypeVar("_Word", bound=StrEnum)
WATTS, JOULES = 1e3, 3.6e6
_FLEET = (
    (Quantity.POWER_KW, "vpp_asset_power_watts", "Power into the asset.", WATTS),
    (Quantity.SOC, "vpp_asset_soc_ratio", "State of charge of the usable window.", 1.0),
    (Quantity.SETPOINT_KW, "vpp_asset_setpoint_watts", "Setpoint the device holds.", WATTS),
)
_METERS = ((Quantity.POWER_KW, "vpp_meter_power_watts", "Power at the meter, + import.", WATTS),)


class DaemonMetrics:
    """Counters of the daemon itself."""

    def __init__(self, written: Mapping[WriteClass, int], ended: Mapping[Outcome, int]) -> None:
        """``written``, ``ended``: so many commands so far, counted elsewhere, read when asked."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.tick_seconds = Histogram(
            "vpp_tick_duration_seconds",
            "Computation of one tick of all pools.",
            buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0),
            registry=self.registry,
        )
        self.tick_lateness = Histogram(
            "vpp_tick_lateness_ratio",
            "How long after it was due a tick began, in ticks.",
            buckets=(0.01, 0.03, 0.1, 0.25, 0.5, 1.0, 3.0, 10.0, 30.0),
            registry=self.registry,
        )
        self.speed = Gauge(
            "vpp_speed_ratio", "City seconds per second, now.", registry=self.registry
        )
        self.tasks = Gauge("vpp_tasks", "Tasks of the event loop.", registry=self.registry)
        ends = [outcome for outcome in Outcome if outcome.final]
        self.registry.register(
            _Counts("vpp_commands", "Writes that left.", "write_class", WriteClass, written)
        )
        self.registry.register(
            _Counts("vpp_outcomes", "What became of commands.", "outcome", ends, ended)
        )
        self.plan_rounds = Gauge(
            "vpp_plan_rounds", "Rounds of planning since the start.", registry=self.registry
        )
        self.store_failures = Gauge(
            "vpp_live_state_failures", "Writes the store did not take.", registry=self.registry
        )
        self.alarms = Gauge("vpp_alarms", "Alarms that hold now.", registry=self.registry)

    def text(self) -> bytes:
        """Everything, as of now; asked on the daemon's own loop."""
        self.tasks.set(len(asyncio.all_tasks()))
        return generate_latest(self.registry)


class _Counts(Collector, Generic[_Word]):
    """Counters that somebody keeps anyhow, one for each word of a vocabulary."""

    def __init__(
        self, name: str, text: str, label: str, words: Iterable[_Word], counts: Mapping[_Word, int]
    ) -> None:
        self._name, self._text, self._label = name, text, label
        self._words, self._counts = tuple(words), counts

    def collect(self) -> Iterator[CounterMetricFamily]:
        family = CounterMetricFamily(self._name, self._text, labels=[self._label])
        for word in self._words:
            family.add_metric([word], self._counts.get(word, 0))
        yield family


def standing(rungs: Mapping[PoolId, Rung], alarms: Iterable[Alarm]) -> bytes:
    """Gauges of what an operator should know now: each pool's rung, alarms by code."""
    parts = [head("vpp_pool_rung", "0 fresh plan, 1 last plan, 2 surplus rule, 3 safe state.")]
    parts += [f'vpp_pool_rung{{pool="{pool}"}} {int(rung)}\n' for pool, rung in rungs.items()]
    codes = Counter(alarm.code for alarm in alarms)
    if codes:
        parts.append(head("vpp_alarms_by_code", "Alarms that hold now, by code."))
    parts += [f'vpp_alarms_by_code{{code="{c}"}} {n}\n' for c, n in sorted(codes.items())]
    return "".join(parts).encode()


class FleetMetrics:
    """Gauges of assets, meters, devices and the score, from one snapshot."""

    def __init__(self, portfolio: Portfolio, layout: Layout) -> None:
        self._assets = [
            _Family(name, text, factor, quantity, (f'asset="{a}"' for a in layout.assets))
            for quantity, name, text, factor in _FLEET
        ]
        self._meters = [
            _Family(name, text, factor, quantity, (f'meter="{m}"' for m in layout.meters))
            for quantity, name, text, factor in _METERS
        ]
        self._devices = tuple(portfolio.devices)

    def text(
        self, snapshot: Snapshot, reached: Reached, shadows: Mapping[AssetId, Setpoint]
    ) -> bytes:
        """Prometheus text; a value that is not good is left out rather than repeated.

        ``shadows``: what devices in shadow would hold now.
        """
        parts = [family.text(snapshot.assets) for family in self._assets]
        parts += [family.text(snapshot.meters) for family in self._meters]
        parts.append(head("vpp_device_online", "Whether the device answers."))
        parts += [
            f'vpp_device_online{{device="{name}"}} {int(state.online)}\n'
            for name in self._devices
            if (state := snapshot.devices.get(name)) is not None
        ]
        parts.append(head("vpp_device_authority", "What may be done to the device now."))
        parts += [
            f'vpp_device_authority{{device="{name}",authority="{state.authority}"}} 1\n'
            for name in self._devices
            if (state := snapshot.devices.get(name)) is not None
        ]
        parts += _shadows(shadows)
        for name, text, value in _score(reached):
            if value is not None:
                parts.append(f"{head(name, text)}{name} {value:.9g}\n")
        return "".join(parts).encode()


class _Family:
    def __init__(
        self, name: str, text: str, factor: float, quantity: Quantity, labels: Iterable[str]
    ) -> None:
        self._head, self._factor, self._quantity = head(name, text), factor, quantity
        self._prefixes = [f"{name}{{{label}}} " for label in labels]

    def text(self, columns: Mapping[Quantity, Column]) -> str:
        column = columns.get(self._quantity)
        if column is None:
            return ""
        shown: Floats = np.where(column.quality == Quality.GOOD, column.values, math.nan)
        values = (shown * self._factor).tolist()
        lines = [
            f"{prefix}{value:.9g}\n"
            for prefix, value in zip(self._prefixes, values, strict=True)
            if value == value  # noqa: PLR0124 - NaN is the one number that differs from itself
        ]
        return self._head + "".join(lines)


def head(name: str, text: str) -> str:
    """What comes before a family of gauges."""
    return f"# HELP {name} {text}\n# TYPE {name} gauge\n"


def _shadows(shadows: Mapping[AssetId, Setpoint]) -> Iterable[str]:
    """Of a ceiling its one bound; nothing of what asks for no power."""
    name = "vpp_asset_shadow_setpoint_watts"
    yield head(name, "Setpoint that a device in shadow would hold.")
    for asset, setpoint in shadows.items():
        told_kw = setpoint.target_kw
        power_kw = told_kw if math.isfinite(told_kw) else setpoint.hi_kw
        if math.isfinite(power_kw):
            yield f'{name}{{asset="{asset}"}} {power_kw * WATTS:.9g}\n'


def _score(reached: Reached) -> tuple[tuple[str, str, float | None], ...]:
    return (
        ("vpp_self_consumption_ratio", "Renewable energy used.", reached.self_consumption),
        ("vpp_self_sufficiency_ratio", "Demand met locally.", reached.self_sufficiency),
        ("vpp_load_joules", "Uncontrolled demand.", reached.load_kwh * JOULES),
        ("vpp_ev_joules", "Demand of cars.", reached.ev_kwh * JOULES),
        ("vpp_import_joules", "Import of the pools.", reached.import_kwh * JOULES),
        ("vpp_export_joules", "Export of the pools.", reached.export_kwh * JOULES),
        ("vpp_renewable_joules", "Renewable energy available.", reached.renewable_kwh * JOULES),
    )
