"""Where a daemon keeps its files.

One fixed directory per host and portfolio, so that two daemons meet there.
"""

import os
import re
from pathlib import Path

from vpp.domain.errors import ConfigurationError, Mistake
from vpp.domain.ids import PortfolioId

VARIABLE = "VPP_STATE_HOME"
USUAL = Path("/var/tmp/vpp-orchestrator")  # noqa: S108 - survives a restart, exists on every Linux host


def place(portfolio: PortfolioId) -> Path:
    """Where the portfolio's directory is, or would be."""
    home = Path(os.environ.get(VARIABLE, USUAL))
    return home / re.sub(r"[^A-Za-z0-9._-]", "_", portfolio)


def state_dir(portfolio: PortfolioId) -> Path:
    """The portfolio's directory on this host, made if it does not exist.

    Raises:
        ConfigurationError: the directory cannot be made or written.
    """
    found = place(portfolio)
    try:
        found.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not os.access(found, os.W_OK):
            read_only = os.statvfs(found).f_flag & os.ST_RDONLY
            raise PermissionError(
                "its file system is read-only" if read_only else "it belongs to another user"
            )
    except OSError as error:
        raise ConfigurationError(
            [
                Mistake(
                    file=str(found),
                    line=None,
                    path="state directory",
                    problem=f"cannot be used: {error}",
                    remedy="run as its owner where it can be written, or set"
                    f" {VARIABLE} on every process alike",
                )
            ]
        ) from error
    return found
