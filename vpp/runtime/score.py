"""What the running city has reached so far, on its own measurements."""

from dataclasses import dataclass

from vpp.domain.assets import Battery, EvCharger, Load, Pv
from vpp.domain.points import Quantity
from vpp.domain.pool_net import pool_net_kw
from vpp.domain.portfolio import Portfolio
from vpp.domain.snapshot import Snapshot

LONGEST_GAP_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Energies since the start, kWh, and the two shares made of them.

    ``useful = load + ev - import + credit``, where the credit is what the change of stored energy
    would give at the AC side; ``self_consumption = useful / available renewable`` and
    ``self_sufficiency = useful / (load + ev)``.
    """

    load_kwh: float = 0.0
    ev_kwh: float = 0.0
    import_kwh: float = 0.0
    export_kwh: float = 0.0
    renewable_kwh: float = 0.0
    credit_kwh: float = 0.0
    peak_kw: float = 0.0
    """Highest quarter-hour mean of the import of all pools together."""
    unmeasured_s: float = 0.0
    """Time in which something was not measured; it counts for nothing."""

    @property
    def useful_kwh(self) -> float:
        return self.load_kwh + self.ev_kwh - self.import_kwh + self.credit_kwh

    @property
    def self_consumption(self) -> float | None:
        """None while there was no sun to use."""
        return self.useful_kwh / self.renewable_kwh if self.renewable_kwh > 0 else None

    @property
    def self_sufficiency(self) -> float | None:
        demand_kwh = self.load_kwh + self.ev_kwh
        return self.useful_kwh / demand_kwh if demand_kwh > 0 else None


class Score:
    """Adds up the portfolio tick by tick; import and export are counted at each pool's boundary."""

    def __init__(self, portfolio: Portfolio) -> None:
        self._portfolio = portfolio
        self._reached = Reached()
        self._last: Snapshot | None = None
        self._stored_at_start: dict[str, float] = {}
        self._credit_kwh = 0.0
        self._peak = _Peak()

    @property
    def reached(self) -> Reached:
        return self._reached

    def observe(self, snapshot: Snapshot) -> None:
        """Count the time since the last snapshot at the powers measured now."""
        last, self._last = self._last, snapshot
        self._credit(snapshot)
        if last is None:
            return
        lasts_s = snapshot.now_s - last.now_s
        powers = self._powers(snapshot) if lasts_s <= LONGEST_GAP_S else None
        was, hours = self._reached, lasts_s / 3600.0
        if powers is None:
            powers, unmeasured_s = (0.0,) * 5, was.unmeasured_s + lasts_s
        else:
            unmeasured_s = was.unmeasured_s
        load_kw, ev_kw, import_kw, export_kw, renewable_kw = powers
        self._peak.add(snapshot.at.timestamp(), import_kw * hours)
        self._reached = Reached(
            load_kwh=was.load_kwh + load_kw * hours,
            ev_kwh=was.ev_kwh + ev_kw * hours,
            import_kwh=was.import_kwh + import_kw * hours,
            export_kwh=was.export_kwh + export_kw * hours,
            renewable_kwh=was.renewable_kwh + renewable_kw * hours,
            credit_kwh=self._credit_kwh,
            peak_kw=self._peak.highest_kw,
            unmeasured_s=unmeasured_s,
        )

    def _powers(self, snapshot: Snapshot) -> tuple[float, ...] | None:
        """Load, EV, import, export and available renewable power, kW; None if one is missing."""
        load_kw = ev_kw = renewable_kw = import_kw = export_kw = 0.0
        for asset in self._portfolio.assets.values():
            power_kw = snapshot.asset(asset.id, Quantity.POWER_KW)
            if power_kw is None:
                return None
            match asset:
                case Load():
                    load_kw += power_kw
                case EvCharger():
                    ev_kw += power_kw
                case Pv():
                    possible_kw = snapshot.asset(asset.id, Quantity.AVAILABLE_KW)
                    renewable_kw += -power_kw if possible_kw is None else possible_kw
                case Battery():
                    pass
        for pool in self._portfolio.pools:
            net_kw = pool_net_kw(self._portfolio, pool, snapshot)
            if net_kw is None:
                return None
            import_kw += max(net_kw, 0.0)
            export_kw += max(-net_kw, 0.0)
        return load_kw, ev_kw, import_kw, export_kw, renewable_kw

    def _credit(self, snapshot: Snapshot) -> None:
        credit_kwh = 0.0
        for asset in self._portfolio.assets.values():
            if not isinstance(asset, Battery):
                continue
            soc = snapshot.asset(asset.id, Quantity.SOC)
            if soc is None:
                return
            start = self._stored_at_start.setdefault(asset.id, soc)
            credit_kwh += (soc - start) * asset.capacity_kwh * asset.eta_discharge
        self._credit_kwh = credit_kwh


class _Peak:
    """Highest mean import of a whole quarter hour so far."""

    SLOT_S = 900.0

    def __init__(self) -> None:
        self.highest_kw = 0.0
        self._slot, self._kwh, self._whole = -1, 0.0, False

    def add(self, at_s: float, imported_kwh: float) -> None:
        slot = int(at_s // self.SLOT_S)
        if slot != self._slot:
            if self._whole:
                self.highest_kw = max(self.highest_kw, self._kwh * 3600.0 / self.SLOT_S)
            self._whole = slot == self._slot + 1
            self._slot, self._kwh = slot, 0.0
        self._kwh += imported_kwh
