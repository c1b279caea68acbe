"""Finds adapters, planners, forecasters, sources and weather by name, in any distribution."""

from importlib.metadata import EntryPoint, entry_points

from vpp.domain.errors import ConfigurationError, Mistake

GROUPS = ("vpp.adapters", "vpp.planners", "vpp.forecasters", "vpp.sources", "vpp.weather")
ADAPTERS, PLANNERS, FORECASTERS, SOURCES, WEATHER = GROUPS


def names(group: str) -> tuple[str, ...]:
    """Installed names of one group, sorted."""
    return tuple(sorted(entry.name for entry in entry_points(group=group)))


def check(*asked: tuple[str, str]) -> None:
    """That each name is installed in its group.

    Raises:
        ConfigurationError: every name that is not, and those that are.
    """
    mistakes = [
        Mistake(
            file="installed packages",
            line=None,
            path=group,
            problem=f"{name!r} is not installed",
            remedy=f"one of {', '.join(names(group))}",
        )
        for group, name in asked
        if name not in names(group)
    ]
    if mistakes:
        raise ConfigurationError(mistakes)


def load(group: str, name: str) -> object:
    """The object behind one entry point; the caller checks it against its port.

    Raises:
        ConfigurationError: no such name, or it cannot be imported.
    """
    found: tuple[EntryPoint, ...] = tuple(entry_points(group=group, name=name))
    if not found:
        raise _mistake(
            group,
            f"no {group} named {name!r} is installed",
            f"one of {', '.join(names(group)) or 'none'}",
        )
    try:
        return found[0].load()
    except ImportError as error:
        raise _mistake(
            group,
            f"{name!r} cannot be imported: {error}",
            f"reinstall {found[0].value}",
        ) from error


def _mistake(group: str, problem: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(
        [
            Mistake(
                file="installed packages",
                line=None,
                path=group,
                problem=problem,
                remedy=remedy,
            )
        ]
    )
