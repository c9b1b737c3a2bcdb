"""Decoded pictures: arrays, images, selection, how long they live."""

from __future__ import annotations

import copy
import gc
import hashlib
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import PROGRAM, run

import kvsparse

pytestmark = pytest.mark.usefixtures("decodes")


def hashes(source: Any, **options: Any) -> list[str]:
    found = []
    for picture in kvsparse.pictures(source, **options):
        found.append(hashlib.sha256(picture.tobytes()).hexdigest())
    return found


def test_arrays(capture: Path) -> None:
    pictures = list(kvsparse.pictures(capture))
    assert len(pictures) == 300
    for index, picture in enumerate(pictures):
        assert picture.index == index
        assert picture.array.shape == (360, 640, 3)
        assert picture.array.dtype == "uint8"
        assert picture.array.tobytes() == picture.tobytes()
    times = [picture.producer_time for picture in pictures]
    assert times[0] and times[0].isoformat() == "2017-11-28T06:55:08.513000+00:00"
    assert pictures[0].producer_time_ns == 1511852108513000000
    assert times == sorted(times)  # type: ignore[type-var]


def test_pictures_have_their_frame_s_times(capture: Path) -> None:
    frames = {frame.offset: frame for frame in kvsparse.frames(capture)}
    for picture in kvsparse.pictures(capture, every=7):
        frame = frames[picture.offset]
        assert picture.pts_ns == frame.pts_ns
        assert picture.producer_time == frame.producer_time
        assert picture.key == frame.key
        assert picture.frame_index == frame.index
        assert picture.fragment and picture.fragment.number == frame.fragment.number
        assert picture.fragment_number == frame.fragment.number
        assert picture.fragment.tag("AWS_KINESISVIDEO_FRAGMENT_NUMBER")


@pytest.mark.parametrize(
    ("format", "samples"), [("gray", 1), ("rgb24", 3), ("bgr24", 3), ("rgba", 4), ("bgra", 4)]
)
def test_formats(sample: Path, format: str, samples: int) -> None:
    picture = next(kvsparse.pictures(sample, format=format))
    shape = (picture.height, picture.width, samples)
    assert picture.array.shape == (shape[:2] if samples == 1 else shape)
    assert picture.format == format
    assert len(picture.tobytes()) == picture.width * picture.height * samples


def test_orders_of_colours(sample: Path) -> None:
    rgb = next(kvsparse.pictures(sample, format="rgb24")).array
    bgr = next(kvsparse.pictures(sample, format="bgr24")).array
    rgba = next(kvsparse.pictures(sample, format="rgba")).array
    assert (rgb[:, :, ::-1] == bgr).all()
    assert (rgb == rgba[:, :, :3]).all()
    assert rgb.std() > 1


def test_pyav_sees_the_same(sample: Path) -> None:
    """libavcodec by another way."""
    av = pytest.importorskip("av")
    with av.open(str(sample)) as container:
        theirs = [f.to_ndarray(format="gray") for f in container.decode(video=0)]
    ours = [p.array for p in kvsparse.pictures(sample, format="gray", threads=1)]
    # libavformat ends with the first fragment.
    assert 0 < len(theirs) <= len(ours)
    for a, b in zip(ours, theirs):
        assert abs(a.astype(int) - b.astype(int)).max() <= 2


def test_selection(sample: Path) -> None:
    everything = hashes(sample)
    assert hashes(sample, every=4) == everything[::4]
    keys = [p.index for p in kvsparse.pictures(sample, keyframes=True)]
    assert 0 < len(keys) < len(everything)
    spaced = [p.pts_ns for p in kvsparse.pictures(sample, interval=0.5)]
    for a, b in zip(spaced, spaced[1:]):
        assert a is not None and b is not None and b - a >= 500_000_000


def test_sizes(sample: Path) -> None:
    native = next(kvsparse.pictures(sample))
    small = next(kvsparse.pictures(sample, size=(64, 48)))
    assert small.array.shape == (48, 64, 3)
    assert (small.coded_width, small.coded_height) == (native.width, native.height)
    kept = next(kvsparse.pictures(sample, size=(native.width // 2, 0)))
    assert kept.height == native.height // 2


def test_low_delay_gives_each_at_once(sample: Path) -> None:
    frames = list(kvsparse.frames(sample, track="video"))
    data = sample.read_bytes()
    reader = kvsparse.PictureReader(low_delay=True)
    at = 0
    for frame in frames[:20]:
        end = frame.offset + frame.size
        found = [picture.offset for picture in reader.feed(data[at:end])]
        assert found == [frame.offset]
        at = end


def test_own_loop(sample: Path) -> None:
    data = sample.read_bytes()
    reader = kvsparse.PictureReader()
    found = []
    for at in range(0, len(data), 5000):
        for picture in reader.feed(data[at : at + 5000]):
            found.append(hashlib.sha256(picture.tobytes()).hexdigest())
            break  # the rest comes with the next chunk
    found += [hashlib.sha256(p.tobytes()).hexdigest() for p in reader.finish()]
    assert found == hashes(sample)
    stats = reader.stats
    assert stats["pictures"] == len(found) == stats["frames"]
    assert stats["errors"] == 0 and stats["decoders_opened"] == 1


def test_arrays_outlive_everything(sample: Path) -> None:
    expected = hashes(sample)
    arrays = [picture.array for picture in kvsparse.pictures(sample)]
    gc.collect()
    found = [hashlib.sha256(array.tobytes()).hexdigest() for array in arrays]
    assert found == expected


def test_an_array_outlives_its_picture_half_way(sample: Path) -> None:
    stream = kvsparse.pictures(sample, size=(320, 0))
    array = next(stream).array
    copy = array.copy()
    view = array[10:20, 30:40]
    for _, _ in zip(range(30), stream):
        pass
    stream.close()
    del stream
    gc.collect()
    assert (array == copy).all()
    del array
    gc.collect()
    assert (view == copy[10:20, 30:40]).all()


def test_arrays_may_be_written_to(sample: Path) -> None:
    expected = hashes(sample)
    found = []
    for picture in kvsparse.pictures(sample):
        found.append(hashlib.sha256(picture.tobytes()).hexdigest())
        assert picture.array.flags.writeable
        picture.array[:] = 255
        assert (picture.array == 255).all()
    assert found == expected


def test_what_the_decoder_needs_is_read_only(tmp_path: Path) -> None:
    """The grey of MJPEG is the decoder's own picture."""
    path = tmp_path / "mjpeg.mkv"
    made = run(PROGRAM, "generate", "--codec", "mjpeg", "--seconds", "1", "-o", path)
    assert made.returncode == 0
    picture = next(kvsparse.pictures(path, format="gray"))
    assert not picture.array.flags.writeable
    with pytest.raises(ValueError):
        picture.array[0, 0] = 1


def test_to_pil(sample: Path) -> None:
    pytest.importorskip("PIL.Image")
    import numpy

    for format, mode in (("gray", "L"), ("rgb24", "RGB"), ("bgr24", "RGB"), ("bgra", "RGBA")):
        picture = next(kvsparse.pictures(sample, format=format, size=(100, 0)))
        image = picture.to_pil()
        assert image.mode == mode and image.size == (picture.width, picture.height)
        array = picture.array
        if format == "bgr24":
            array = array[:, :, ::-1]
        if format == "bgra":
            array = array[:, :, [2, 1, 0, 3]]
        assert (numpy.asarray(image) == array).all()


def test_damage(capture: Path) -> None:
    data = bytearray(capture.read_bytes())
    data[600_000:650_000] = b"\xff" * 50_000
    pictures = list(kvsparse.pictures(bytes(data)))
    assert 200 < len(pictures) <= 300
    assert any(picture.damaged for picture in pictures)
    with pytest.raises(kvsparse.DataError) as caught:
        list(kvsparse.pictures(bytes(data), strict=True))
    assert caught.value.offset is not None


def test_wrong_keywords() -> None:
    for keywords in (
        {"format": "yuv"},
        {"every": 0},
        {"every": 2**64 + 1},
        {"size": (-1, 0)},
        {"size": (2**32 + 64, 0)},
        {"track": -1},
        {"track": 2**64 + 1},
        {"max_width": -5},
        {"max_memory": -1},
        {"interval": float("nan")},
        {"interval": float("inf")},
        {"interval": 1e12},
    ):
        with pytest.raises(ValueError):
            kvsparse.pictures(b"", **keywords)  # type: ignore[arg-type]
    with pytest.raises(kvsparse.ArgumentError) as caught:
        kvsparse.pictures(b"", size=(100_000, 1))
    assert caught.value.code == -1
    for name, value in (("size", 640), ("size", "640x480"), ("track", "video")):
        with pytest.raises(TypeError, match=name):
            kvsparse.pictures(b"", **{name: value})  # type: ignore[arg-type]


def test_larger_pictures_are_refused(sample: Path) -> None:
    # One thread: with several, the message of a frame that lacks a refused one
    # may come last.
    reader = kvsparse.PictureReader(max_width=64, max_height=64, threads=1)
    assert list(reader.feed(sample.read_bytes())) == []
    assert reader.stats["errors"] > 0
    assert "larger" in reader.message


def test_pictures_are_not_copied_but_arrays_are(sample: Path) -> None:
    picture = next(kvsparse.pictures(sample))
    for it in (picture, kvsparse.PictureReader()):
        for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="cannot be copied"):
                attempt(it)
    again = pickle.loads(pickle.dumps(picture.array))
    assert again.tobytes() == picture.tobytes()


FORK = """\
import os, signal, sys, kvsparse

unused, used = kvsparse.pictures(sys.argv[1]), kvsparse.pictures(sys.argv[1])
kept = next(used).array
child = os.fork()
if child == 0:
    signal.alarm(60)
    assert sum(1 for _ in unused) == int(sys.argv[2]) and kept.any()
    try:
        next(used)
    except RuntimeError as error:
        assert "fork" in str(error)
        sys.exit(7)  # and all is freed
    sys.exit(1)
_, status = os.waitpid(child, 0)
assert status == 7 << 8, status
assert sum(1 for _ in used) == int(sys.argv[2]) - 1
"""


def test_a_fork(sample: Path) -> None:
    count = str(sum(1 for _ in kvsparse.pictures(sample)))
    command = [sys.executable, "-c", FORK, str(sample), count]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
