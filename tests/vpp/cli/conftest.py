from pathlib import Path

import pytest


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """Environment of a command: a state of its own, and room for whole lines."""
    return {"VPP_STATE_HOME": str(tmp_path / "state"), "COLUMNS": "160"}
