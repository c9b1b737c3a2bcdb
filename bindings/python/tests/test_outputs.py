"""merge(), merged(), finish(), extract(): the same bytes as the program writes,
into every kind of output; what goes wrong in one reaches the caller."""

from __future__ import annotations

import asyncio
import gc
import io
import os
import threading
import wave
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import PROGRAM, run
from test_memory import endless, resident

import kvsparse


@pytest.fixture
def finishes() -> None:
    if "finish" not in kvsparse.features():
        pytest.skip("libkvsparse-matroska was not built")


@pytest.fixture
def extracts() -> None:
    if "pictures" not in kvsparse.features():
        pytest.skip("libkvsparse-av was not built")


def program(*arguments: str | Path) -> None:
    result = run(PROGRAM, *arguments)
    assert result.returncode == 0, result.stderr


def pieces(path: Path, size: int = 1000) -> Iterator[bytes]:
    data = path.read_bytes()
    for at in range(0, len(data), size):
        yield data[at : at + size]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class Full(io.BytesIO):
    """A disk with little room."""

    def write(self, data: Any, /) -> int:
        if self.tell() + len(data) > 20_000:
            raise OSError(28, "No space left on device")
        return super().write(data)


class Short(io.RawIOBase):
    """Takes 100 bytes at a time, as a pipe may."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: Any, /) -> int:
        self.data += bytes(data[:100])
        return min(len(data), 100)


# --- merge --------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["rebase", "pack", "keep"])
@pytest.mark.parametrize("tags", [False, True])
def test_merge_as_the_program(sample: Path, tmp_path: Path, mode: str, tags: bool) -> None:
    options = ["--tags"] if tags else []
    program("merge", "-m", mode, *options, "-o", tmp_path / "a.mkv", sample)
    result = kvsparse.merge(sample, tmp_path / "b.mkv", mode=mode, tags=tags)
    expected = (tmp_path / "a.mkv").read_bytes()
    assert (tmp_path / "b.mkv").read_bytes() == expected
    assert result.files == (tmp_path / "b.mkv",)
    assert result.bytes == len(expected)
    assert result.frames == sum(1 for _ in kvsparse.frames(sample))
    assert (result.segments, result.gaps, result.frames_left) == (1, 0, 0)
    for source in (sample.read_bytes(), pieces(sample, 7), sample.open("rb")):
        merged = kvsparse.merged(source, mode=mode, tags=tags)
        assert b"".join(merged) == expected


def test_each_output(sample: Path, tmp_path: Path) -> None:
    expected = b"".join(kvsparse.merged(sample))
    memory, short = io.BytesIO(), Short()
    memory.write(b"before")
    assert kvsparse.merge(sample, memory).files == ()
    assert memory.getvalue() == b"before" + expected
    kvsparse.merge(sample, short)
    assert short.data == expected
    kvsparse.merge(sample, str(tmp_path / "text.mkv"))
    assert (tmp_path / "text.mkv").read_bytes() == expected
    assert (tmp_path / "text.mkv").stat().st_mode & 0o777 == 0o666 & ~umask()


def umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value


def test_a_named_pipe_stays_one(sample: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found: list[bytes] = []
    thread = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    thread.start()
    kvsparse.merge(sample, pipe)
    thread.join()
    assert found == [b"".join(kvsparse.merged(sample))]
    assert pipe.is_fifo()


def test_split_as_the_program(sample: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    name = "%i-%f-%t-%%.mkv"
    program("merge", "-s", "fragment", "-o", tmp_path / "a" / name, sample)
    result = kvsparse.merge(sample, tmp_path / "b" / name, split="fragment")
    assert names(tmp_path / "a") == names(tmp_path / "b") and result.segments > 2
    assert [path.name for path in result.files] == names(tmp_path / "b")
    for path in result.files:
        assert path.read_bytes() == (tmp_path / "a" / path.name).read_bytes()
    by_time = kvsparse.merge(sample, tmp_path / "t-%i.mkv", split=3)
    assert 1 < by_time.segments < result.segments
    by_size = kvsparse.merge(sample, tmp_path / "s-%i.mkv", split_bytes=1)
    assert by_size.segments == result.segments


def two_streams(sample: Path, tmp_path: Path) -> bytes:
    """Other tracks half-way."""
    other = tmp_path / "other.mkv"
    program("generate", "--force", "--size", "96x80", "--seconds", "2", "-o", other)
    return sample.read_bytes() + other.read_bytes()


def test_what_happens_at_other_tracks(sample: Path, tmp_path: Path) -> None:
    both = two_streams(sample, tmp_path)
    first = b"".join(kvsparse.merged(sample))
    assert b"".join(kvsparse.merged(both, on_change="stop")) == first
    whole = b"".join(kvsparse.merged(both))
    assert whole.startswith(first) and len(whole) > len(first)
    files = kvsparse.merge(both, tmp_path / "part-%i.mkv").files
    assert [path.name for path in files] == ["part-00000.mkv", "part-00001.mkv"]
    assert b"".join(path.read_bytes() for path in files) == whole
    one = kvsparse.merge(both, tmp_path / "one-%i.mkv", on_change="new-segment")
    assert len(one.files) == 1 and one.segments == 2


def test_stop_asks_for_no_more(sample: Path, tmp_path: Path) -> None:
    def endless() -> Iterator[bytes]:
        yield two_streams(sample, tmp_path)
        raise AssertionError("read on")

    assert b"".join(kvsparse.merged(endless(), on_change="stop"))
    assert kvsparse.merge(endless(), io.BytesIO(), on_change="stop").frames


def test_a_frame_leaves_when_it_has_come(sample: Path) -> None:
    """What is out after each piece holds each frame that was in."""
    fed = out = frames = 0
    ends = [frame.offset + frame.size for frame in kvsparse.frames(sample)]
    found = bytearray()

    def source() -> Iterator[bytes]:
        nonlocal fed, frames
        for piece in pieces(sample, 5000):
            count = sum(1 for _ in kvsparse.frames(bytes(found)))
            assert count >= sum(end <= fed for end in ends) - 0
            frames = max(frames, count)
            yield piece
            fed += len(piece)

    for chunk in kvsparse.merged(source()):
        found += chunk
        out += 1
    assert out > 10 and frames > 10


def test_async_merged(sample: Path) -> None:
    async def source() -> AsyncIterator[bytes]:
        for piece in pieces(sample):
            yield piece

    async def collect() -> bytes:
        return b"".join([chunk async for chunk in kvsparse.merged(source())])

    assert asyncio.run(collect()) == b"".join(kvsparse.merged(sample))
    with pytest.raises(TypeError, match="merged"):
        kvsparse.merge(source(), io.BytesIO())


def test_damage_and_limits(sample: Path, tmp_path: Path) -> None:
    data = bytearray(sample.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    result = kvsparse.merge(data, io.BytesIO())
    assert result.gaps >= 1 and 0 < result.frames
    with pytest.raises(kvsparse.DataError) as caught:
        kvsparse.merge(data, tmp_path / "a.mkv", strict=True)
    assert caught.value.offset is not None
    with pytest.raises(kvsparse.LimitError):
        kvsparse.merge(data, tmp_path / "a.mkv", max_memory=1000)
    assert names(tmp_path) == []
    # What came before the fault comes out before the exception.
    found = b""
    with pytest.raises(kvsparse.DataError):
        for chunk in kvsparse.merged(bytes(data), strict=True):
            found += chunk
    assert len(found) > middle // 2


def test_nothing_is_left_of_what_failed(sample: Path, tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield from list(pieces(sample))[:30]
        raise ConnectionResetError("gone")

    (tmp_path / "a.mkv").write_bytes(b"old")
    with pytest.raises(ConnectionResetError):
        kvsparse.merge(broken(), tmp_path / "a.mkv")
    with pytest.raises(OSError, match="No space left"):
        kvsparse.merge(sample, Full())
    assert (tmp_path / "a.mkv").read_bytes() == b"old"
    assert names(tmp_path) == ["a.mkv"]
    assert kvsparse.merge(b"", tmp_path / "none.mkv").files == ()
    assert names(tmp_path) == ["a.mkv"]


def test_wrong_arguments(sample: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mode"):
        kvsparse.merge(sample, tmp_path / "a", mode="other")
    with pytest.raises(ValueError, match="on_change"):
        kvsparse.merge(sample, tmp_path / "a", on_change="other")
    with pytest.raises(ValueError, match="%i"):
        kvsparse.merge(sample, tmp_path / "a", split=3)
    with pytest.raises(ValueError, match="not known"):
        kvsparse.merge(sample, tmp_path / "a-%x-%i")
    with pytest.raises(ValueError, match="the same"):
        kvsparse.merge(sample, tmp_path / "a-%t", split=3)
    with pytest.raises(TypeError, match="output"):
        kvsparse.merge(sample, 7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="mode 'wb'"):
        kvsparse.merge(sample, io.StringIO())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="read_size"):
        kvsparse.merge(sample, tmp_path / "a", read_size=-1)
    with pytest.raises(ValueError, match="split_bytes"):
        kvsparse.merge(sample, tmp_path / "a-%i", split_bytes=-1)
    assert names(tmp_path) == []


class Kept:
    """Has what whoever needs no more of a file may have."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.pieces.append(data)


def test_an_output_gets_bytes(sample: Path, tmp_path: Path) -> None:
    kept = Kept()
    kvsparse.merge(sample, kept)
    assert {type(piece) for piece in kept.pieces} == {bytes}
    kvsparse.merge(sample, tmp_path / "same.mkv")
    assert b"".join(kept.pieces) == (tmp_path / "same.mkv").read_bytes()


def test_an_output_that_does_not_block(sample: Path) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with open(reading, "rb"), open(writing, "wb", buffering=0) as pipe:
        with pytest.raises(BlockingIOError):
            for _ in range(100):
                kvsparse.merge(sample, pipe)


def test_nothing_grows_over_many_frames(extracts: None, call: Path) -> None:
    """400000 frames merged, 200000 extracted, after some to warm up."""
    data = call.read_bytes()
    for stream in (
        kvsparse.merged(endless(data, 20)),
        kvsparse.extracted(endless(data, 20), track=1),
    ):
        before = 0
        for count, _ in enumerate(stream):
            if count == 300:
                before = resident()
        assert count > 3000 and before
        assert resident() - before < 3_000_000


def test_streams_left_half_way_leave_nothing(extracts: None, sample: Path) -> None:
    data = sample.read_bytes()

    def leave(how: int) -> None:
        for stream in (kvsparse.merged(data), kvsparse.extracted(data)):
            for _, _ in zip(range(how), stream):
                pass

    for how in range(10):
        leave(how)
    gc.collect()
    before = resident()
    for how in range(500):
        leave(how % 10)
    gc.collect()
    assert resident() - before < 3_000_000


# --- finish -------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["rebase", "pack", "keep"])
def test_finish_as_the_program(
    finishes: None, sample: Path, tmp_path: Path, mode: str
) -> None:
    program("finish", "--mode", mode, "-o", tmp_path / "a.mkv", sample)
    result = kvsparse.finish(sample, tmp_path / "b.mkv", mode=mode)
    expected = (tmp_path / "a.mkv").read_bytes()
    assert (tmp_path / "b.mkv").read_bytes() == expected
    assert result.bytes == len(expected) and not result.stopped
    assert result.frames == sum(1 for _ in kvsparse.frames(sample))
    assert result.chapters > 2 and result.duration_ns > 0
    memory = io.BytesIO()
    memory.write(b"before")
    kvsparse.finish(pieces(sample), memory, mode=mode)
    assert memory.getvalue() == b"before" + expected
    assert memory.tell() == len(b"before" + expected)
    without = kvsparse.finish(sample, tmp_path / "b.mkv", chapters=False)
    assert without.chapters == 0


def test_finish_several(finishes: None, sample: Path, tmp_path: Path) -> None:
    both = two_streams(sample, tmp_path)
    stopped = kvsparse.finish(both, tmp_path / "a.mkv")
    assert stopped.stopped and len(stopped.files) == 1
    split = kvsparse.finish(both, tmp_path / "a-%i.mkv", on_change="split")
    assert [path.name for path in split.files] == ["a-1.mkv", "a-2.mkv"]
    assert not split.stopped
    assert split.frames == sum(1 for _ in kvsparse.frames(both))
    for path in split.files:
        assert sum(1 for _ in kvsparse.frames(path))
    (tmp_path / "p").mkdir()
    program("finish", "--split", "2", "-o", tmp_path / "p" / "a-%i.mkv", sample)
    timed = kvsparse.finish(sample, tmp_path / "t-%i.mkv", split=2)
    assert len(timed.files) == len(names(tmp_path / "p")) > 1
    for mine, other in zip(timed.files, names(tmp_path / "p")):
        assert mine.read_bytes() == (tmp_path / "p" / other).read_bytes()


def test_finish_goes_on_when_the_index_is_full(
    finishes: None, sample: Path, tmp_path: Path
) -> None:
    many = sample.read_bytes() * 30
    result = kvsparse.finish(many, tmp_path / "%i.mkv", max_memory=40_000)
    assert len(result.files) > 1 and not result.stopped
    assert result.frames == sum(1 for _ in kvsparse.frames(many))


def test_finish_what_goes_wrong(finishes: None, sample: Path, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        kvsparse.finish(sample, Full())
    with pytest.raises(ValueError, match="seek"):
        kvsparse.finish(sample, Short())
    many = sample.read_bytes() * 30
    with pytest.raises(kvsparse.LimitError):
        kvsparse.finish(many, tmp_path / "a.mkv", max_memory=40_000)
    with pytest.raises(ValueError, match="%i"):
        kvsparse.finish(sample, tmp_path / "a.mkv", split=1)
    result = kvsparse.finish(b"", tmp_path / "a.mkv")
    assert result.files == () and result.frames == 0
    assert names(tmp_path) == []


def test_without_libmatroska(monkeypatch: pytest.MonkeyPatch, sample: Path) -> None:
    from kvsparse import _library

    _library.matroska.cache_clear()
    monkeypatch.setattr(_library, "_candidates", lambda name: ["/nowhere/" + name])
    try:
        assert "finish" not in kvsparse.features()
        with pytest.raises(kvsparse.LibraryError, match="libmatroska-dev"):
            kvsparse.finish(sample, io.BytesIO())
    finally:
        _library.matroska.cache_clear()


# --- extract ------------------------------------------------------------------


def test_extract_as_the_program(extracts: None, sample: Path, tmp_path: Path) -> None:
    program("extract", "-o", tmp_path / "a.h264", sample)
    result = kvsparse.extract(sample, tmp_path / "b.h264")
    expected = (tmp_path / "a.h264").read_bytes()
    assert (tmp_path / "b.h264").read_bytes() == expected
    assert result.format == "annexb" and result.track == 1
    frames = list(kvsparse.frames(sample, track=1))
    assert result.frames == len(frames) and result.frames_left == 0
    found = list(kvsparse.extracted(pieces(sample)))
    assert b"".join(extract.data for extract in found) == expected
    assert [e.pts_ns for e in found] == [frame.pts_ns for frame in frames]
    assert [e.producer_time for e in found] == [f.producer_time for f in frames]
    assert [e.key for e in found] == [frame.key for frame in frames]
    files = kvsparse.extract(sample, tmp_path / "f-%i.h264", format="raw").files
    assert [path.read_bytes() for path in files] == [frame.data for frame in frames]


def test_extract_sound(extracts: None, call: Path, tmp_path: Path) -> None:
    frames = [frame.data for frame in kvsparse.frames(call, track=2)]
    result = kvsparse.extract(call, tmp_path / "a.raw", track=2)
    assert result.format == "raw" and result.track == 2
    assert (tmp_path / "a.raw").read_bytes() == b"".join(frames)
    wav = kvsparse.extract(call, tmp_path / "a.wav", track=2, format="wav")
    assert wav.format == "wav"
    with wave.open(str(tmp_path / "a.wav")) as sound:
        # The track tells neither: what Matroska means then.
        assert (sound.getframerate(), sound.getnchannels()) == (8000, 1)
        assert sound.getsampwidth() == 2
        assert sound.readframes(1 << 30) == b"".join(frames)
    first = next(iter(kvsparse.extracted(call, track=2, format="pcm")))
    assert (first.sample_rate, first.channels) == (8000, 1)


def test_extract_decodes_sound(extracts: None, tmp_path: Path) -> None:
    stream = tmp_path / "aac.mkv"
    made = run(PROGRAM, "generate", "--audio", "aac", "-o", stream)
    if made.returncode:
        pytest.skip(f"kvsparse generate: {made.stderr.decode()}")
    program("extract", "--track", "2", "--format", "adts", "-o", tmp_path / "a.aac", stream)
    result = kvsparse.extract(stream, tmp_path / "b.aac", track="audio")
    assert (result.format, result.track) == ("adts", 2)
    assert (tmp_path / "b.aac").read_bytes() == (tmp_path / "a.aac").read_bytes()
    result = kvsparse.extract(stream, tmp_path / "b.wav", format="wav")
    assert result.track == 2
    with wave.open(str(tmp_path / "b.wav")) as sound:
        seconds = sound.getnframes() / sound.getframerate()
        loud = sound.readframes(1 << 30)
    assert 4 < seconds < 11 and len(set(loud)) > 50


def test_extract_what_does_not_fit(extracts: None, call: Path, tmp_path: Path) -> None:
    with pytest.raises(kvsparse.ArgumentError, match="track 1 has A_PCM.* as annexb"):
        kvsparse.extract(call, tmp_path / "a", track=1, format="annexb")
    with pytest.raises(kvsparse.ArgumentError, match="annexb"):
        kvsparse.extract(call, tmp_path / "a", format="annexb")
    with pytest.raises(ValueError, match="format"):
        kvsparse.extract(call, tmp_path / "a", format="mp3")
    with pytest.raises(OSError, match="No space left"):
        kvsparse.extract(call, Full())
    with pytest.raises(ValueError, match="seek"):
        kvsparse.extract(call, Short(), format="wav")
    result = kvsparse.extract(b"", tmp_path / "a")
    assert (result.track, result.format, result.files) == (None, None, ())
    assert names(tmp_path) == []
