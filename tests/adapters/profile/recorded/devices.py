"""One recorded device for each profile that is shipped."""

from collections.abc import Mapping

from tests.adapters.profile.recorded import storedge, sunspec
from tests.adapters.profile.recorded.recording import Recording

RECORDED: Mapping[str, Recording] = {
    "storedge": storedge.HYBRID,
    "sunspec-bms": sunspec.BMS,
    "sunspec-ess": sunspec.ESS,
    "sunspec-inverter": sunspec.INVERTER,
    "sunspec-meter": sunspec.METER,
    "sunspec-pv": sunspec.PV,
}
