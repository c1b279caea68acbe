"""What has flowed since the world's start, at one node of the grid."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Energy:
    """Watt-hours since the start, of everything beneath a node; all but ``stored`` only grow.

    Import and export are those of the node itself, so flows between its sites are not in them.
    """

    pv_available_wh: float
    pv_produced_wh: float
    load_wh: float
    ev_wh: float
    charged_wh: float
    discharged_wh: float
    stored_wh: float
    import_wh: float
    export_wh: float
