"""What the commands of the command line share: the city they are about, and how one says that it can't be carried out."""

from __future__ import annotations

from pathlib import Path

from progress_bar import ProgressBar
from settings import Settings


class WrongUse(Exception):
    """The command can't be carried out as given (exit code 2)."""


def city_folder(settings: Settings) -> Path:
    """The city a command is about; without one named, the demo city, built when it is not there yet."""
    from geodata.building.demo_city import ensure_demo_city

    if settings.city is not None:
        return settings.city
    with ProgressBar() as progress:
        return ensure_demo_city(Path("var/city"), progress)
