"""What of the running slot is measured already: load and sun of sites, what chargers drew."""

from collections.abc import Mapping

from vpp.control.means import SlotMeans
from vpp.domain.assets import EvCharger, Load, Pv
from vpp.domain.ids import AssetId
from vpp.domain.points import Quantity
from vpp.domain.portfolio import Portfolio

LEAST_S = 300.0
"""City seconds that must be measured before their mean tells anything of the slot."""

Realised = Mapping[tuple[str, Quantity], float]
"""Mean kW by subject and quantity, as the series of ``vpp.control.outlook``; what is not known is
not there."""


def realised(portfolio: Portfolio, means: SlotMeans) -> Realised:
    """Of every site and charger of which all is measured; a plant held back does not tell."""
    found: dict[tuple[str, Quantity], float] = {}
    for site, assets in portfolio.assets_of_site.items():
        kinds = {asset: portfolio.assets[asset] for asset in assets}
        loads = [a for a, one in kinds.items() if isinstance(one, Load)]
        plants = [a for a, one in kinds.items() if isinstance(one, Pv)]
        chargers = [a for a, one in kinds.items() if isinstance(one, EvCharger)]
        drawn = [_mean_kw(means, asset, Quantity.POWER_KW) for asset in loads]
        could = [_could_kw(means, asset) for asset in plants]
        rows = [
            ((site, Quantity.POWER_KW), drawn),
            ((site, Quantity.AVAILABLE_KW), could),
            *(
                ((charger, Quantity.POWER_KW), [_mean_kw(means, charger, Quantity.POWER_KW)])
                for charger in chargers
            ),
        ]
        for key, values in rows:
            known = [value for value in values if value is not None]
            if values and len(known) == len(values):
                whole_kw = sum(known)
                sun = key[1] is Quantity.AVAILABLE_KW
                found[key] = max(whole_kw, 0.0) if sun else whole_kw
    return found


def _mean_kw(means: SlotMeans, asset: AssetId, quantity: Quantity) -> float | None:
    mean_kw, covered_s = means.running(asset, quantity)
    return mean_kw if covered_s >= LEAST_S else None


def _could_kw(means: SlotMeans, plant: AssetId) -> float | None:
    """What the device says that it could give, else what it gave."""
    could_kw = _mean_kw(means, plant, Quantity.AVAILABLE_KW)
    if could_kw is not None:
        return could_kw
    held, _ = means.running(plant, Quantity.HELD_BACK)
    gave_kw = _mean_kw(means, plant, Quantity.POWER_KW)
    return None if held > 0 or gave_kw is None else -gave_kw
