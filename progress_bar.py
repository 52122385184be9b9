"""Progress of a long command on standard error: a bar on a terminal, a line every tenth elsewhere."""

from __future__ import annotations

import shutil
import sys
from types import TracebackType
from typing import TextIO

BAR = 30
_CLEAR_TO_END = "\x1b[K"


class ProgressBar:
    """Called with the part at work and the share done (`geodata.progress.Progress`), within a `with` block that ends its line."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._on_terminal = self._stream.isatty()
        self._tenths = -1  # last told in a line
        self._line_is_open = False

    def __call__(self, part: str, share: float) -> None:
        if self._on_terminal:
            room = max(0, shutil.get_terminal_size().columns - BAR - 8)
            self._stream.write(f"\r{'█' * round(share * BAR):░<{BAR}} {share:4.0%}  {part[:room]}{_CLEAR_TO_END}")
            self._line_is_open = True
        elif int(share * 10) > self._tenths:
            self._tenths = int(share * 10)
            self._stream.write(f"{share:4.0%}  {part}\n")
        self._stream.flush()

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._line_is_open:
            self._stream.write("\n")
            self._stream.flush()
