"""Whether a schedule is physically possible, worked out afresh from its powers alone."""

import numpy as np

from vpp.backtest.data import Recording
from vpp.backtest.rules_run import Run
from vpp.domain.errors import InvariantError

LEAST_KW = 1e-6
LEAST_KWH = 1e-5


def require_feasible(run: Run, recording: Recording) -> None:
    """Power limits, stored energy integrated over all slots, and cars at their plugs.

    Raises:
        InvariantError: something no battery or car could have done; names it, slot and value.
    """
    _require_battery_powers(run, recording)
    _require_stored_energy(run, recording)
    _require_cars(run, recording)


def _require_battery_powers(run: Run, recording: Recording) -> None:
    storage, power = recording.storage, run.battery_kw
    if power.shape != (len(storage), len(recording.grid)) or not np.isfinite(power).all():
        raise InvariantError(f"{run.name}: not every battery has a power in every slot")
    beyond = (power > storage.charge_kw[:, None] + LEAST_KW) | (
        power < -storage.discharge_kw[:, None] - LEAST_KW
    )
    for battery, slot in np.argwhere(beyond)[:1]:
        raise InvariantError(_at(run, recording, battery, slot, f"{power[battery, slot]} kW"))


def _require_stored_energy(run: Run, recording: Recording) -> None:
    storage, hours = recording.storage, recording.hours
    into = np.maximum(run.battery_kw, 0.0) * storage.eta_charge[:, None] * hours
    out = np.maximum(-run.battery_kw, 0.0) / storage.eta_discharge[:, None] * hours
    stored = recording.start_kwh[:, None] + np.cumsum(into - out, axis=1)
    low = np.minimum(storage.low_kwh, recording.start_kwh)[:, None]
    high = np.maximum(storage.high_kwh, recording.start_kwh)[:, None]
    beyond = (stored < low - LEAST_KWH) | (stored > high + LEAST_KWH)
    for battery, slot in np.argwhere(beyond)[:1]:
        raise InvariantError(_at(run, recording, battery, slot, f"{stored[battery, slot]} kWh"))


def _require_cars(run: Run, recording: Recording) -> None:
    charged, sessions, hours = run.charged, recording.sessions, recording.hours
    if not sessions:
        return
    edges_s = recording.grid.edges_s
    column = {
        name: np.array([getattr(session, name) for session in sessions])
        for name in ("arrival_s", "departure_s", "energy_kwh", "max_kw")
    }
    there_s = np.minimum(column["departure_s"][charged.session], edges_s[charged.slot + 1])
    there_s = there_s - np.maximum(column["arrival_s"][charged.session], edges_s[charged.slot])
    most_kwh = column["max_kw"][charged.session] * np.maximum(there_s, 0.0) / 3600.0
    given_kwh = charged.power_kw * hours
    for entry in np.flatnonzero((given_kwh > most_kwh + LEAST_KWH) | (given_kwh < 0))[:1]:
        name = sessions[int(charged.session[entry])].id
        raise InvariantError(
            f"{run.name}: session {name} draws {given_kwh[entry]} of {most_kwh[entry]} kWh"
            f" at {recording.grid.starts[int(charged.slot[entry])]:%Y-%m-%d %H:%M}"
        )
    total = np.bincount(charged.session, given_kwh, minlength=len(sessions))
    for at in np.flatnonzero(total > column["energy_kwh"] + LEAST_KWH)[:1]:
        raise InvariantError(f"{run.name}: session {sessions[int(at)].id} is given {total[at]} kWh")
    ev_kw = np.zeros_like(run.ev_kw)
    sites = np.array([session.site or 0 for session in sessions])
    np.add.at(ev_kw, (sites[charged.session], charged.slot), charged.power_kw)
    if np.abs(ev_kw - run.ev_kw).max() > LEAST_KW:
        raise InvariantError(f"{run.name}: cars and sites do not draw the same")


def _at(run: Run, recording: Recording, battery: int, slot: int, value: str) -> str:
    when = recording.grid.starts[slot]
    return f"{run.name}: battery {recording.batteries[battery]} at {when:%Y-%m-%d %H:%M}: {value}"
