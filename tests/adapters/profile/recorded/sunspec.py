"""SunSpec devices: offsets and signs after the model definitions, values made up.

701.W and 704.WSet count what is given out as positive, 203.W here what is taken in.
"""

import math

from tests.adapters.profile.recorded.recording import Recording, Says, at
from tests.adapters.profile.recorded.told import told
from vpp.domain.points import OperatingState, Quantity

NONE = math.nan
OFF, RUNNING, LOCAL = OperatingState.OFF, OperatingState.RUNNING, OperatingState.LOCAL


def says(kind: str, quantity: Quantity, value: float | None, **points: int) -> Says:
    while_ = {name: (raw & 0xFFFF,) for name, raw in points.items()}
    return Says(kind=kind, quantity=quantity, value=value, while_=while_)


def states(
    kind: str, point: str, silent: tuple[str, ...] = (), **said: tuple[int, ...]
) -> list[Says]:
    """A row for each number that the point may hold, while others are not implemented."""
    others = dict.fromkeys(silent, 0xFFFF)
    return [
        says(kind, Quantity.STATE, getattr(OperatingState, name.upper()), **others, **{point: raw})
        for name, raws in said.items()
        for raw in raws
    ]


ESS = Recording(
    base=40000,
    models=((1, 66), (701, 153), (702, 50), (704, 65), (713, 7), (802, 62)),
    scales={40186: 1, 40190: 1, 40270: 2, 40332: 1, 40333: -1, 40351: 2, 40352: -1},
    points={
        "St": at(40073, 1, means=1),
        "InvSt": at(40074, 3, means=3),
        "W": at(40080, 0xFB2E, means=12.34),  # -1234 x 10 W: it takes
        "TotWhInj": at(40089, 0, 0, 2, 0x1234, means=1_357.32),
        "TotWhAbs": at(40093, 0, 0, 1, 0x4321, means=827.21),
        "WChaRteMaxRtg": at(40235, 503, means=50.3),
        "WDisChaRteMaxRtg": at(40236, 407, means=40.7),
        "WMax": at(40251, 451, means=45.1),
        "WChaRteMax": at(40259, 312, means=31.2),
        "WDisChaRteMax": at(40260, 298, means=29.8),
        "WSetEna": at(40299, 1, means=1),
        "WSetMod": at(40300, 1, means=1),
        "WSet": at(40301, 0xFFFF, 0xFC19, means=9.99),  # -999 x 10 W
        "WSetRvrt": at(40303, 0, 780, means=-7.8),
        "WSetPct": at(40305, 250, means=-0.25),  # 25.0 % given out
        "WSetEnaRvrt": at(40307, 2, means=2),
        "WSetRvrtTms": at(40308, 1, 2, means=65_538),
        "WSetRvrtRem": at(40310, 1, 3, means=65_539),
        "WHAvail": at(40347, 587, means=58.7),
        "SoC": at(40348, 631, means=0.631),
        "SoH": at(40349, 974, means=0.974),
        "LocRemCtl": at(40370, 2, means=2),  # neither remote (0) nor local (1)
        "CtrlHb": at(40372, 0x1234, means=0x1234),
    },
    says=[
        says("battery", Quantity.POWER_KW, 12.34),
        says("battery", Quantity.POWER_KW, -3.21, W=321),
        says("battery", Quantity.SOC, 0.631),
        says("battery", Quantity.AVAILABLE_KWH, 58.7),
        says("battery", Quantity.HEALTH, 0.974),
        says("battery", Quantity.ENERGY_IN_KWH, 827.21),
        says("battery", Quantity.ENERGY_OUT_KWH, 1_357.32),
        says("battery", Quantity.LIMIT_CHARGE_KW, 31.2),
        says("battery", Quantity.LIMIT_CHARGE_KW, 50.3, WChaRteMax=0xFFFF),
        says("battery", Quantity.LIMIT_DISCHARGE_KW, 29.8),
        says("battery", Quantity.LIMIT_DISCHARGE_KW, 40.7, WDisChaRteMax=0xFFFF),
        says("battery", Quantity.SETPOINT_KW, 9.99),
        says("battery", Quantity.SETPOINT_KW, -11.275, WSetMod=0),  # 25 % of 45.1 kW, given out
        says("battery", Quantity.SETPOINT_KW, 22.55, WSetMod=0, WSetPct=-500),
        says("battery", Quantity.SETPOINT_KW, NONE, WSetEna=0),
        says("battery", Quantity.REVERSION_S, 65_539),
        says("battery", Quantity.REVERSION_S, None, WSetEna=0),
        *states("battery", "InvSt", ("St",),
                off=(0,), standby=(1, 7), running=(2, 3, 4, 5), fault=(6,)),
        says("battery", Quantity.STATE, LOCAL, LocRemCtl=1, InvSt=6),
        says("battery", Quantity.STATE, RUNNING, InvSt=0xFFFF, St=1),
        says("battery", Quantity.STATE, OFF, InvSt=0xFFFF, St=0),
    ],
    told=[
        told("battery", "charge", 12.34, "zero", (40303, [0, 0]), (40307, [1, 0, 60]),
             (40300, [1, 0xFFFF, 0xFB2E]), (40299, [1])),
        told("battery", "discharge", -7.8, "autonomous", (40303, [0, 0]), (40307, [0, 0, 60]),
             (40300, [1, 0, 780]), (40299, [1])),
        told("battery", "idle", 0.0, "floor", (40303, [0, 0]), (40307, [1, 0, 60]),
             (40300, [1, 0, 0]), (40299, [1])),
        told("battery", "stop", NONE, "zero", (40303, [0, 0]), (40307, [1, 0, 60]),
             (40300, [1, 0, 0]), (40299, [1])),
        told("battery", "release", NONE, "zero", (40299, [0])),
    ],
)  # fmt: skip

BMS = Recording(
    base=40000,
    models=((1, 66), (713, 7), (802, 62)),
    scales={40077: 1, 40078: -2, 40133: 2},
    points={
        "WHAvail": at(40073, 6871, means=68.71),
        "SoC": at(40074, 7213, means=0.7213),
        "SoH": at(40075, 9912, means=0.9912),
        "WChaRteMax": at(40083, 505, means=50.5),
        "WDisChaRteMax": at(40084, 404, means=40.4),
        "LocRemCtl": at(40096, 2, means=2),
        "State": at(40101, 3, means=3),
    },
    says=[
        says("battery", Quantity.SOC, 0.7213),
        says("battery", Quantity.AVAILABLE_KWH, 68.71),
        says("battery", Quantity.HEALTH, 0.9912),
        says("battery", Quantity.LIMIT_CHARGE_KW, 50.5),
        says("battery", Quantity.LIMIT_DISCHARGE_KW, 40.4),
        *states("battery", "State", off=(1,), standby=(2, 4, 5, 6), running=(3,), fault=(99,)),
        says("battery", Quantity.STATE, LOCAL, LocRemCtl=1),
    ],
)

INVERTER = Recording(
    base=40000,
    models=((1, 65), (103, 50)),  # without the pad, as many in the field
    scales={40084: -1, 40095: 1},
    points={
        "W": at(40083, 31_337, means=-3.1337),  # it gives
        "WH": at(40093, 3, 0x1001, means=2_007.05),
        "St": at(40107, 4, means=4),
    },
    says=[
        says("pv", Quantity.POWER_KW, -3.1337),
        says("pv", Quantity.ENERGY_OUT_KWH, 2_007.05),
        *(says("pv", Quantity.AVAILABLE_KW, 3.1337, St=raw) for raw in (1, 2, 3, 4, 6, 8)),
        says("pv", Quantity.AVAILABLE_KW, None, St=5),  # it throttles
        says("pv", Quantity.AVAILABLE_KW, 0.0, W=-12),  # at night it takes
        *states("pv", "St", off=(1,), standby=(2, 6, 8), running=(3, 4, 5), fault=(7,)),
    ],
)

METER = Recording(
    base=0,
    models=((1, 66), (203, 105)),
    scales={76: -2, 92: 1, 124: 2},
    points={
        "AphA": at(73, 2_345, means=23.45),
        "AphB": at(74, 1_234, means=12.34),
        "AphC": at(75, 3_456, means=34.56),
        "W": at(88, 0xFF85, means=-1.23),  # -123 x 10 W: export
        "TotWhExp": at(108, 1, 0x0203, means=6_605.1),
        "TotWhImp": at(116, 2, 0x0304, means=13_184.4),
    },
    says=[
        says("meter", Quantity.POWER_KW, -1.23),
        says("meter", Quantity.POWER_KW, 4.56, W=456),
        says("meter", Quantity.ENERGY_IN_KWH, 13_184.4),
        says("meter", Quantity.ENERGY_OUT_KWH, 6_605.1),
        says("meter", Quantity.CURRENT_L1_A, 23.45),
        says("meter", Quantity.CURRENT_L2_A, 12.34),
        says("meter", Quantity.CURRENT_L3_A, 34.56),
    ],
)

PV = Recording(
    base=40000,
    models=((1, 66), (701, 153), (702, 50), (704, 65)),
    scales={40186: 1, 40190: 0, 40270: 2, 40331: -2},
    points={
        "InvSt": at(40074, 3, means=3),
        "W": at(40080, 1_903, means=-19.03),  # it gives
        "TotWhInj": at(40089, 0, 0, 0x00A1, 0x0203, means=10_551.811),
        "TotWhAbs": at(40093, 0, 0, 1, 0x0101, means=65.793),
        "WMax": at(40251, 475, means=47.5),
        "WMaxLimPctEna": at(40291, 1, means=1),
        "WMaxLimPct": at(40292, 4_000, means=0.4),
        "WMaxLimPctRvrt": at(40293, 1_250, means=0.125),
        "WMaxLimPctEnaRvrt": at(40294, 2, means=2),
        "WMaxLimPctRvrtTms": at(40295, 1, 4, means=65_540),
        "WMaxLimPctRvrtRem": at(40297, 1, 5, means=65_541),
    },
    says=[
        says("pv", Quantity.POWER_KW, -19.03),
        says("pv", Quantity.ENERGY_IN_KWH, 65.793),
        says("pv", Quantity.ENERGY_OUT_KWH, 10_551.811),
        says("pv", Quantity.AVAILABLE_KW, None),
        says("pv", Quantity.AVAILABLE_KW, 19.03, WMaxLimPctEna=0),
        says("pv", Quantity.AVAILABLE_KW, 0.0, WMaxLimPctEna=0, W=-2),
        says("pv", Quantity.SETPOINT_KW, -19.0),
        says("pv", Quantity.SETPOINT_KW, NONE, WMaxLimPctEna=0),
        says("pv", Quantity.REVERSION_S, 65_541),
        says("pv", Quantity.REVERSION_S, None, WMaxLimPctEna=0),
        *states("pv", "InvSt", off=(0,), standby=(1, 7), running=(2, 3, 4, 5), fault=(6,)),
    ],
    told=[
        told("pv", "limit", -19.0, "zero", (40293, [0, 1, 0, 60]), (40292, [4_000]), (40291, [1])),
        told("pv", "stop", NONE, "autonomous", (40293, [0, 0, 0, 60]), (40292, [0]), (40291, [1])),
        told("pv", "release", NONE, "autonomous", (40291, [0])),
    ],
)
