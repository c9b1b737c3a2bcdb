"""Nothing grows, nothing is left."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

import kvsparse


def resident() -> int:
    """Bytes of memory that this process has now."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        pytest.skip("no /proc")
    return next(int(line.split()[1]) for line in lines if "VmRSS" in line) * 1024


def endless(data: bytes, times: int) -> Iterator[bytes]:
    for _ in range(times):
        for at in range(0, len(data), 30_000):
            yield data[at : at + 30_000]


def test_nothing_grows_over_many_frames(call: Path) -> None:
    """More than 100000 frames in six documents, after others to warm up."""
    data = call.read_bytes()
    frames = kvsparse.read(endless(data, 8))
    count = 0
    before = python_before = 0
    tracemalloc.start()
    for item in frames:
        count += isinstance(item, kvsparse.Frame)
        if count == 45_000 and not before:
            before, python_before = resident(), tracemalloc.get_traced_memory()[0]
        if count == 159_000:
            break
    python_now = tracemalloc.get_traced_memory()[0]
    now = resident()
    tracemalloc.stop()
    assert count == 159_000
    assert python_now - python_before < 200_000
    assert now - before < 3_000_000


def test_the_library_holds_little(call: Path) -> None:
    reader = kvsparse.Reader()
    for piece in endless(call.read_bytes(), 5):
        for _ in reader.feed(piece):
            pass
    now, peak = reader.memory
    assert 0 < now <= peak < 200_000


def test_readers_left_half_way_leave_nothing(call: Path) -> None:
    data = call.read_bytes()[:50_000]

    def leave(how: int) -> None:
        stream = kvsparse.read(data, max_frame=1 << 20)
        for _, _ in zip(range(how), stream):
            pass

    for how in range(40):
        leave(how)
    gc.collect()
    before = resident()
    for how in range(3000):
        leave(how % 40)
    gc.collect()
    assert resident() - before < 2_000_000


def test_decoders_left_half_way_leave_nothing(decodes: None, sample: Path) -> None:
    data = sample.read_bytes()

    def leave(how: int) -> None:
        stream = kvsparse.pictures(data, threads=2)
        kept = [picture.array for _, picture in zip(range(how), stream)]
        del stream, kept

    for how in range(12):
        leave(how)
    gc.collect()
    before = resident()
    for how in range(36):
        leave(how % 12)
    gc.collect()
    # One decoder that was left would take some megabytes.
    assert resident() - before < 20_000_000


def test_pictures_do_not_grow(decodes: None, sample: Path) -> None:
    data = sample.read_bytes()
    before = 0
    stream = kvsparse.pictures(endless(data, 8))
    for count, picture in enumerate(stream):
        picture.array.sum()
        if count == 100:
            before = resident()
    assert count > 300
    assert resident() - before < 30_000_000
