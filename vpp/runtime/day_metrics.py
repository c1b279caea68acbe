"""The last scored day of every pool as Prometheus sees it, in base units."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, time
from zoneinfo import ZoneInfo

from vpp.domain.day import DayScore, Reached
from vpp.domain.ids import PoolId
from vpp.runtime.metrics import JOULES, WATTS, head

_Figure = Callable[[Reached], float | None]
_FIGURES: tuple[tuple[str, str, _Figure], ...] = (
    (
        "vpp_day_self_consumption_ratio",
        "Renewable energy used on the last scored day.",
        lambda of: of.self_consumption,
    ),
    (
        "vpp_day_self_sufficiency_ratio",
        "Demand met locally on that day.",
        lambda of: of.self_sufficiency,
    ),
    ("vpp_day_demand_joules", "Load and cars of that day.", lambda of: of.demand_kwh * JOULES),
    (
        "vpp_day_renewable_joules",
        "What the sun could have given.",
        lambda of: of.renewable_kwh * JOULES,
    ),
    ("vpp_day_import_joules", "Import of that day.", lambda of: of.import_kwh * JOULES),
    ("vpp_day_export_joules", "Export of that day.", lambda of: of.export_kwh * JOULES),
    ("vpp_day_peak_watts", "Highest quarter-hour import.", lambda of: of.peak_kw * WATTS),
    (
        "vpp_day_regret_ratio",
        "Regret against foresight, over all demand bought.",
        lambda of: of.regret_part,
    ),
)


def days(scores: Mapping[PoolId, DayScore], time_zone: str) -> bytes:
    """Gauges by pool; figures of days that were not judged are left out."""
    if not scores:
        return b""
    judged = {pool: one.reached for pool, one in scores.items() if one.reached is not None}
    zone = ZoneInfo(time_zone)
    begins = {p: datetime.combine(one.date, time.min, zone) for p, one in scores.items()}
    parts = [
        *_family(
            "vpp_day_start_timestamp_seconds",
            "Local midnight at which the last scored day began.",
            ((f'pool="{pool}"', at.timestamp()) for pool, at in begins.items()),
        ),
        *_family(
            "vpp_day_measured_ratio",
            "Part of that day that was measured.",
            ((f'pool="{pool}"', one.completeness) for pool, one in scores.items()),
        ),
        *_family(
            "vpp_day_bad",
            "Whether that day was a bad one.",
            ((f'pool="{pool}"', float(scores[pool].bad)) for pool in judged),
        ),
    ]
    for name, text, figure in _FIGURES:
        values = ((f'pool="{pool}"', figure(of)) for pool, of in judged.items())
        parts += _family(name, text, values)
    money = ((f'pool="{p}",currency="{of.currency}"', of.cost) for p, of in judged.items())
    parts += _family("vpp_day_cost", "Cost of that day's energy.", money)
    parts += _regret(judged)
    return "".join(parts).encode()


def _regret(judged: Mapping[PoolId, Reached]) -> Iterable[str]:
    """By cause; the sum is the day's."""
    energy, money = list[tuple[str, float]](), list[tuple[str, float]]()
    for pool, of in judged.items():
        for cause, lost in of.causes.items():
            label = f'pool="{pool}",cause="{cause}"'
            if of.unit == "kWh":
                energy.append((label, lost * JOULES))
            else:
                money.append((f'{label},currency="{of.unit}"', lost))
    yield from _family("vpp_day_regret_joules", "Import more than foresight needed.", energy)
    yield from _family("vpp_day_regret_cost", "Paid more than foresight had to.", money)


def _family(name: str, text: str, values: Iterable[tuple[str, float | None]]) -> Iterable[str]:
    lines = [f"{name}{{{label}}} {value:.9g}\n" for label, value in values if value is not None]
    return [head(name, text), *lines] if lines else []
