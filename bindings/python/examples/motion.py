"""When does something move?  Prints the producer's time of each picture in which
more samples changed than usual.

    python3 motion.py getmedia.mkv [SHARE]

SHARE: of the picture that must have changed (0.001).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime

import numpy

import kvsparse


def motion(
    source: kvsparse.Source, share: float = 0.001
) -> Iterator[tuple[datetime | None, float]]:
    """The time and the changed share of each picture with motion."""
    before = None
    for picture in kvsparse.pictures(source, format="gray", size=(160, 0), every=3):
        now = picture.array.astype(numpy.int16)
        if before is not None and before.shape == now.shape:
            changed = float((abs(now - before) > 25).mean())
            if changed >= share:
                yield picture.producer_time, changed
        before = now


if __name__ == "__main__":
    least = float(sys.argv[2]) if len(sys.argv) > 2 else 0.001
    for time, changed in motion(sys.argv[1], least):
        print(f"{time} {changed:.2%}")
