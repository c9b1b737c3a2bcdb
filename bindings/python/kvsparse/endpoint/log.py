"""What was called, how it was answered: for tests and for users.

Keeps no secret: no signature, no token, no key but its name.
"""

from __future__ import annotations

import collections
import json
from typing import IO, Any, Deque, Dict, List, Optional

KEPT = 100000


class Log:
    """The last calls; all of them in a file, where one is given."""

    def __init__(self, file: Optional[IO[str]] = None) -> None:
        self._file = file
        self._entries: Deque[Dict[str, Any]] = collections.deque(maxlen=KEPT)
        self.count = 0

    def add(self, entry: Dict[str, Any]) -> None:
        """A call that is over."""
        entry["n"] = self.count
        self.count += 1
        self._entries.append(entry)
        if self._file is not None:
            self._file.write(json.dumps(entry) + "\n")
            self._file.flush()

    def entries(self, after: int = 0) -> List[Dict[str, Any]]:
        """Those from that number on, as far as they are kept."""
        return [entry for entry in self._entries if entry["n"] >= after]
