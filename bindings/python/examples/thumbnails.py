"""A thumbnail for each fragment: its first key frame, named by its number.

    python3 thumbnails.py getmedia.mkv FOLDER
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import kvsparse


def thumbnails(source: kvsparse.Source, folder: Path) -> Iterator[Path]:
    """Writes them; gives the files, each as soon as it is there."""
    folder.mkdir(parents=True, exist_ok=True)
    done = None
    pictures = kvsparse.pictures(source, size=(320, 0), keyframes=True)
    for picture in pictures:
        if picture.fragment is None or picture.fragment is done:
            continue
        done = picture.fragment
        path = folder / f"{done.number or done.index}.jpg"
        picture.to_pil().save(path)
        yield path


if __name__ == "__main__":
    for path in thumbnails(sys.argv[1], Path(sys.argv[2])):
        print(path)
