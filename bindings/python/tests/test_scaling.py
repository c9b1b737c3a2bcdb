"""Several streams are decoded at the same time: one thread does not wait for the
other, neither for Python's lock nor for one in the library."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import PROGRAM, run

import kvsparse

Span = tuple[float, float]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Pictures that take some milliseconds each."""
    path = tmp_path_factory.mktemp("large") / "large.mkv"
    made = run(PROGRAM, "generate", "--size", "1280x720", "--seconds", "2", "-o", path)
    if made.returncode:
        pytest.skip(f"kvsparse generate: {made.stderr.decode()}")
    data: bytes = path.read_bytes()
    return data


class Watched:
    """The library, which notes when a thread is in it for a picture."""

    def __init__(self, library: Any, spans: list[Span]) -> None:
        self._library = library
        self._spans = spans

    def __getattr__(self, name: str) -> Any:
        return getattr(self._library, name)

    def kvsp_pictures_next_item(self, *arguments: Any) -> Any:
        began = time.monotonic()
        result = self._library.kvsp_pictures_next_item(*arguments)
        self._spans.append((began, time.monotonic()))
        return result


def decode(data: bytes, spans: list[Span] | None = None) -> int:
    reader = kvsparse.PictureReader(threads=1)
    if spans is not None:
        reader._library = Watched(reader._library, spans)
    return sum(1 for _ in reader.feed(data)) + sum(1 for _ in reader.finish())


def in_threads(data: bytes, count: int, spans: list[list[Span]]) -> None:
    start = threading.Barrier(count)

    def work(own: list[Span]) -> None:
        start.wait()
        decode(data, own)

    threads = [threading.Thread(target=work, args=(own,)) for own in spans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def overlap(ones: list[Span], others: list[Span]) -> float:
    """Seconds in which both were in the library."""
    return sum(
        max(0.0, min(end, other_end) - max(begin, other_begin))
        for begin, end in ones
        for other_begin, other_end in others
    )


def test_two_threads_are_in_the_library_at_once(decodes: None, large: bytes) -> None:
    """Also where they have one processor only: the system runs them in turn
    there, in the middle of a picture.  With Python's lock held it could not; nor
    does Python itself take turns within the hour."""
    spans: list[list[Span]] = [[], []]
    before = sys.getswitchinterval()
    sys.setswitchinterval(3600)
    try:
        in_threads(large, 2, spans)
    finally:
        sys.setswitchinterval(before)
    busy = min(sum(end - begin for begin, end in own) for own in spans)
    assert len(spans[0]) > 60
    assert overlap(*spans) > 0.3 * busy
