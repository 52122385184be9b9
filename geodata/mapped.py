"""Arrays of a city folder: one .npy file each, mapped into memory instead of read, so that a restart costs no copy.

The maps are copy-on-write and handed out as plain arrays. To numba a read-only array or a `np.memmap` is another type than the
arrays a graph is built of: every kernel would be compiled a second time. Nobody writes into a city; who did would change their own
page, never the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def save_arrays(folder: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write each array as `folder`/NAME.npy, the folder made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(array))


def map_array(folder: Path, name: str) -> NDArray[Any]:
    """The array that `save_arrays` wrote. Raises OSError when it is missing, ValueError when it is damaged."""
    return np.asarray(np.load(folder / f"{name}.npy", mmap_mode="c"))
