import numpy as np
import pytest

from simulators.inputs.noise import Floats
from simulators.inputs.trace import Traces


def sines(at_s: Floats) -> Floats:
    return np.stack([1000 + 500 * np.sin(at_s / 1900), at_s / 100])


@pytest.mark.parametrize(("from_s", "until_s"), [(10, 17), (7190, 7205), (100, 50_000), (0, 7200)])
def test_the_energy_is_the_integral_of_the_power(from_s: float, until_s: float) -> None:
    traces = Traces(sines)
    at_s = np.linspace(from_s, until_s, 20_001)
    power = np.array([traces.power_w(at) for at in at_s.tolist()])
    energy = np.trapezoid(power, at_s, axis=0) / 3600
    assert traces.energy_wh(from_s, until_s) == pytest.approx(energy, rel=1e-6)


def test_energies_of_parts_add_up() -> None:
    traces = Traces(sines)
    parts = sum(traces.energy_wh(at, at + 7.3) for at in np.arange(7000, 7400, 7.3).tolist())
    assert parts == pytest.approx(traces.energy_wh(7000, 7000 + 55 * 7.3))
