"""What the operator hears about a history that was lost."""

from pathlib import Path

from vpp.control.inputs import Alarm


def lost_history(kept: Path) -> Alarm:
    """The alarm of a file that was set aside."""
    text = (
        f"its file was damaged and is kept as {kept}: forecasts and the month's peak begin anew;"
        " to keep them, stop and put a sound copy in its place"
    )
    return Alarm(code="HISTORY_LOST", subject="history", text=text)
