"""Words that scenarios of the tick share."""

from datetime import timedelta
from typing import Any

from tests.vpp.control.ticking.city import City, House, Store
from tests.vpp.control.ticking.plant import Plant, Run
from tests.vpp.control.ticking.weather import always
from vpp.control.inputs import CommandNews
from vpp.domain.ids import AssetId
from vpp.domain.outcome import Cause, Outcome
from vpp.domain.proposal import Proposal, Rank, Scope, ScopeKind
from vpp.domain.session import EvSession


def houses(count: int, **store: Any) -> list[House]:
    return [House(stores=[Store(**store)]) for _ in range(count)]


def surplus(of: City, per_site_kw: float, **plant: Any) -> Run:
    return Run(Plant(city=of, load=always(*[-per_site_kw] * len(of.model.compiled.sites)), **plant))


def codes(run: Run) -> set[str]:
    return {alarm.code for alarm in run.last.alarms}


def proposal(name: str, kind: ScopeKind, scope: str, rank: Rank, **rest: Any) -> Proposal:
    return Proposal(
        id=name, scope=Scope(kind=kind, id=scope), owner=name, rank=rank, reason=f"for {name}",
        **{"valid_until_s": 1e9, **rest},
    )  # fmt: skip


def session(
    run: Run, asset: str, need_kwh: float | None, hours: float | None, *,
    min_kw: float = 0.0, max_kw: float = 11.0, phases: int | None = None,
) -> None:  # fmt: skip
    at = run.plant.at
    run.plant.sessions[AssetId(asset)] = EvSession(
        id="s1", asset=AssetId(asset), arrival=at, need_kwh=need_kwh, phases=phases,
        min_kw=min_kw, max_kw=max_kw,
        departure=None if hours is None else at + timedelta(hours=hours),
    )  # fmt: skip


def news(run: Run, asset: str, outcome: Outcome, cause: Cause | None = None) -> None:
    at, decision = next((at, d) for at, d in reversed(run.plant.log) if d.asset == asset)
    run.news = (
        CommandNews(
            asset=AssetId(asset),
            setpoint=decision.setpoint,
            sent_s=at,
            outcome=outcome,
            cause=cause,
        ),
    )
