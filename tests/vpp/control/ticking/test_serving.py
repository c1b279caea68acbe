"""The line search is exact: no point of a fine grid is cheaper."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpp.control.serving import Slot, Store, serve
from vpp.domain.curve import SlotCosts, ValueCurve, surplus_rule_curve
from vpp.domain.slots import SlotGrid

GRID = SlotGrid(edges_s=np.array([0.0, 900.0]))
RULE = surplus_rule_curve(GRID, capacity_kwh=40.0)


def costs(**given: float) -> SlotCosts:
    value = {
        "import_weight": 1.0, "export_weight": 0.0, "flatten": 0.0,
        "peak_threshold_kw": np.inf, "peak_weight": 0.0, "ramp_weight": 0.0, **given,
    }  # fmt: skip
    return SlotCosts(unit="kWh of import", **{k: np.array([v]) for k, v in value.items()})


def slot(part: float = 1.0, mean: float = 0.0, before: float = float("nan")) -> Slot:
    return Slot(
        index=0, hours_left=0.25 * part, part_left=part, mean_so_far_kw=mean, before_kw=before
    )


def store(energy: float = 20.0, kw: float = 10.0) -> Store:
    return Store(energy_kwh=energy, lo_kw=-kw, hi_kw=kw, eta_charge=0.95, eta_discharge=0.95)


@pytest.mark.parametrize(
    ("net", "power", "binding"),
    [
        (-6.0, 6.0, "surplus stored"), (4.0, -4.0, "deficit served"), (0.0, 0.0, "balanced"),
        (-60.0, 10.0, "charging limit"), (60.0, -10.0, "discharging limit"),
    ],
)  # fmt: skip
def test_the_rule_stores_every_surplus_and_serves_every_deficit(
    net: float, power: float, binding: str
) -> None:
    served = serve(net, store(), slot(), RULE, costs())
    assert served.power_kw == pytest.approx(power)
    assert served.binding == binding
    assert served.worth == pytest.approx(0.5)


def test_energy_worth_more_later_is_kept() -> None:
    dear = ValueCurve(
        grid=GRID, energy_kwh=np.array([0.0, 40.0]), grid_kw=np.zeros(1),
        cost=np.array([[[0.0, -1.04 * 40]]]),
    )  # fmt: skip
    served = serve(5.0, store(), slot(), dear, costs())
    assert served.power_kw == 0.0
    assert served.binding == "kept"
    assert (served.worth, served.marginal) == pytest.approx((1.04, 1.0))


def test_a_peak_is_cut_at_its_threshold() -> None:
    dear = ValueCurve(
        grid=GRID, energy_kwh=np.array([0.0, 40.0]), grid_kw=np.zeros(1),
        cost=np.array([[[0.0, -1.04 * 40]]]),
    )  # fmt: skip
    served = serve(12.0, store(), slot(), dear, costs(peak_threshold_kw=8.0, peak_weight=2.0))
    assert served.power_kw == pytest.approx(-4.0)
    assert served.binding == "peak"
    spent = serve(
        12.0, store(), Slot(index=0, hours_left=0.25, part_left=1.0, mean_so_far_kw=0.0,
                            before_kw=np.nan, side_weight=0.0),
        dear, costs(peak_threshold_kw=8.0, peak_weight=2.0),
    )  # fmt: skip
    assert spent.power_kw == 0.0


def test_flattening_has_its_minimum_inside_a_segment() -> None:
    dear = ValueCurve(
        grid=GRID, energy_kwh=np.array([0.0, 40.0]), grid_kw=np.zeros(1),
        cost=np.array([[[0.0, -1.2 * 40]]]),
    )  # fmt: skip
    served = serve(12.0, store(), slot(), dear, costs(flatten=0.02))
    assert served.power_kw == pytest.approx(-(12.0 - (1.2 / 0.95 - 1.0) / 0.04), abs=1e-6)
    assert served.binding == "value of stored energy"


@given(
    net=st.floats(-40, 40), energy=st.floats(0, 40), part=st.floats(0.02, 1.0),
    slopes=st.lists(st.floats(0.0, 2.0), min_size=4, max_size=4), flatten=st.floats(0, 0.05),
    ramp=st.floats(0, 0.3), before=st.floats(-30, 30), mean=st.floats(-30, 30),
    peak=st.floats(-5, 20), export=st.floats(-0.2, 0.9),
)  # fmt: skip
def test_nothing_on_a_fine_grid_is_cheaper(  # noqa: PLR0917 - hypothesis names them
    net: float, energy: float, part: float, slopes: list[float], flatten: float, ramp: float,
    before: float, mean: float, peak: float, export: float,
) -> None:  # fmt: skip
    worth = sorted(slopes, reverse=True)
    levels = np.linspace(0, 40, 5)
    along = -np.concatenate([[0.0], np.cumsum(np.array(worth) * 10)])
    curve = ValueCurve(
        grid=GRID, energy_kwh=levels, grid_kw=np.array([-20.0, 0.0, 20.0]),
        cost=np.array([[along + 0.2, along, along + 0.4]]),
    )  # fmt: skip
    prices = costs(
        flatten=flatten,
        ramp_weight=ramp,
        peak_threshold_kw=peak,
        peak_weight=1.0,
        export_weight=export,
    )
    here, now = store(energy), slot(part, mean, before)

    def cost(kw: np.ndarray) -> np.ndarray:
        grid = net + kw
        taken = np.maximum(grid, 0)
        energy_cost = taken - export * np.maximum(-grid, 0) + flatten * taken**2
        energy_cost = energy_cost + np.maximum(taken - peak, 0)
        mean_kw = (1 - part) * mean + part * grid
        gain = np.where(kw > 0, kw * 0.95, kw / 0.95) * 0.25 * part
        later = curve.later_cost(0, energy + gain, mean_kw)
        return np.asarray(0.25 * part * energy_cost + ramp * np.abs(mean_kw - before) + later)

    found = serve(net, here, now, curve, prices)
    fine = cost(np.linspace(-10, 10, 2001))
    assert cost(np.array([found.power_kw]))[0] <= fine.min() + 1e-7 * max(
        1.0, float(np.abs(fine).max())
    )
