"""A SunSpec meter: model 203, the vendor's sign + = import unless it is told otherwise."""

from typing import ClassVar, Protocol

from simulators.wire.sunspec_model import Model, fitting_scale
from simulators.wire.sunspec_storage import NOMINAL_HZ, NOMINAL_V


class Measurement(Protocol):
    """What a meter shows: power in W, + import, and its two energy counters in Wh."""

    @property
    def power_w(self) -> float: ...

    @property
    def import_wh(self) -> float: ...

    @property
    def export_wh(self) -> float: ...


class ThreePhaseMeter(Model):
    """Model 203: W at offset 18, W_SF 22, TotWhExp 38, TotWhImp 46 (acc32, wrapping).

    W is + import, or + export with `export_positive`, as some vendors have it.
    """

    powers: ClassVar[tuple[str, ...]] = ("W", "WphA", "WphB", "WphC")

    def __init__(self, meter: Measurement, *, export_positive: bool, largest_w: float) -> None:
        """``largest_w`` sets the scale factor: the last digit is a 30,000th of it or less."""
        self._meter = meter
        self._sign = -1 if export_positive else 1
        watts = fitting_scale(largest_w)
        scales = {"W_SF": watts, "VA_SF": watts, "VAR_SF": watts, "PF_SF": -3, "A_SF": 0}
        super().__init__(203, scales | {"V_SF": -1, "Hz_SF": -2, "TotWh_SF": 0})
        for name in ("PPV", "PhVphAB", "PhVphBC", "PhVphCA"):
            self.put(name, NOMINAL_V)
        for name in ("PhV", "PhVphA", "PhVphB", "PhVphC"):
            self.put(name, NOMINAL_V / 3**0.5)
        self.put("Hz", NOMINAL_HZ)
        self.put_raw("Evt", 0)

    def refresh(self) -> None:
        shown_w = self._sign * self._meter.power_w
        self.put("W", shown_w)
        for phase in ("WphA", "WphB", "WphC"):
            self.put(phase, shown_w / 3)
        self.put("VA", abs(shown_w))
        amperes = abs(shown_w) / (NOMINAL_V * 3**0.5)
        for name in ("A", "AphA", "AphB", "AphC"):
            self.put(name, amperes)
        self.put_raw("TotWhImp", int(self._meter.import_wh) % 2**32)
        self.put_raw("TotWhExp", int(self._meter.export_wh) % 2**32)
