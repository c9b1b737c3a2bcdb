"""A table of all frames, for spreadsheets and pandas.

    python3 frames_csv.py getmedia.mkv >frames.csv
"""

from __future__ import annotations

import csv
import sys
from typing import TextIO

import kvsparse

COLUMNS = ("fragment", "track", "codec", "producer_time", "pts_ms", "key", "bytes")


def write_csv(source: kvsparse.Source, out: TextIO) -> None:
    """A line for each frame."""
    lines = csv.writer(out)
    lines.writerow(COLUMNS)
    for frame in kvsparse.frames(source, data=False):
        time = frame.producer_time
        lines.writerow(
            (
                frame.fragment.number,
                frame.track.number,
                frame.track.codec_id,
                time.isoformat() if time else "",
                "" if frame.pts_ns is None else frame.pts_ns / 1e6,
                int(frame.key),
                frame.size,
            )
        )


if __name__ == "__main__":
    write_csv(sys.argv[1], sys.stdout)
