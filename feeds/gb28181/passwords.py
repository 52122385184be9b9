"""Which devices may register, and what proves them: the secret file of GB/T 28181. No I/O.

A line is a device's id and its password; an id alone has the common password, which stands after `*`. A line that
begins with `#` is a remark.
"""

from __future__ import annotations

from feeds.gb28181.messages import DEVICE_ID

EVERYBODY = "*"


class Passwords:
    """Raises ValueError with the line that can't be read."""

    def __init__(self, text: str, open_registration: bool = False) -> None:
        """With `open_registration` devices that are not listed may register with the common password."""
        self._common: str | None = None
        self._listed: dict[str, str | None] = {}
        for number, line in enumerate(text.splitlines(), 1):
            words = [] if line.lstrip().startswith("#") else line.split()
            if not words:
                continue
            is_whole = len(words) == 2 or (len(words) == 1 and words[0] != EVERYBODY)
            if not is_whole or (words[0] != EVERYBODY and not DEVICE_ID.fullmatch(words[0])):
                raise ValueError(f"line {number} is not a device id of 18 to 20 digits and a password, nor * and a password")
            if words[0] == EVERYBODY:
                self._common = words[1]
            else:
                self._listed[words[0]] = words[1] if len(words) == 2 else None
        self._is_open = open_registration
        if self._common is None and (open_registration or None in self._listed.values()):
            raise ValueError("there is no common password; add a line with * and a password, or one behind every device id")
        if not self._listed and not open_registration:
            raise ValueError("no device is listed; add a line with its id and password for each")

    def of(self, device_id: str) -> str | None:
        """The device's password; None: it may not register."""
        if device_id in self._listed:
            return self._listed[device_id] or self._common
        return self._common if self._is_open else None
