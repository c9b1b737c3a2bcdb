"""The reader by itself: damage, limits, own loops, leaving early."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest

import kvsparse


def spoilt(path: Path) -> bytes:
    """A stream with nonsense in its middle."""
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = b"\xff" * 3000
    return bytes(data)


def test_damage_is_a_gap(call: Path) -> None:
    items = list(kvsparse.read(spoilt(call)))
    gaps = [item for item in items if isinstance(item, kvsparse.Gap)]
    assert gaps
    for gap in gaps:
        assert gap.start < gap.end
        assert -199 <= gap.code <= -100
        assert gap.reason
    frames = [item for item in items if isinstance(item, kvsparse.Frame)]
    assert 19_900 < len(frames) < 20_000
    ends = [item for item in items if isinstance(item, kvsparse.FragmentEnd)]
    assert any(end.damaged for end in ends)


def test_strict_raises(call: Path) -> None:
    data = spoilt(call)
    count = 0
    with pytest.raises(kvsparse.DataError) as caught:
        for _ in kvsparse.frames(data, strict=True):
            count += 1
    assert count > 1000
    error = caught.value
    assert -199 <= error.code <= -100
    assert error.offset is not None and 0 < error.offset < len(data)
    assert error.name.startswith("KVSP_ERR_")
    assert error.message in str(error)


def test_limits_are_gaps(call: Path) -> None:
    items = list(kvsparse.read(call, max_frame=200))
    assert not any(isinstance(item, kvsparse.Frame) for item in items)
    gaps = [item for item in items if isinstance(item, kvsparse.Gap)]
    assert gaps and gaps[0].code == -204


def test_a_limit_can_be_raised(call: Path) -> None:
    data = call.read_bytes()
    reader = kvsparse.Reader(strict=True, max_frame=200, frames_only=True)
    with pytest.raises(kvsparse.LimitError) as caught:
        list(reader.feed(data))
    assert caught.value.code == -204
    reader.set_limits(max_frame=0)
    frames = [*reader.feed(b""), *reader.finish()]
    assert len(frames) == 20000
    with pytest.raises(TypeError):
        reader.set_limits(max_nonsense=1)


@pytest.mark.parametrize(
    "keywords",
    [
        {"track": "pictures"},
        {"track": "video", "read_size": 0},
        {"track": -1},
        {"track": [1, 2**64 + 1]},
        {"max_memory": -1},
        {"max_depth": 2**32 + 3},
    ],
)
def test_wrong_keywords(keywords: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        kvsparse.read(b"", **keywords)  # type: ignore[arg-type]


def test_wrong_types_of_keywords() -> None:
    for name, value in (("track", 1.5), ("track", b"video"), ("max_tags", "9")):
        with pytest.raises(TypeError, match=name):
            kvsparse.read(b"", **{name: value})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="max_frame"):
        kvsparse.Reader().set_limits(max_frame=-1)


def test_one_byte_at_a_time_comes_at_once(call: Path) -> None:
    """Each frame with the byte that ends it, no later."""
    data = call.read_bytes()[:20_000]
    reader = kvsparse.Reader()
    count = 0
    for i in range(len(data)):
        for item in reader.feed(data[i : i + 1]):
            if isinstance(item, kvsparse.Frame):
                assert item.offset + item.size == i + 1
                count += 1
    assert count > 50


def test_what_is_left_comes_with_the_next_chunk(call: Path) -> None:
    data = call.read_bytes()
    whole = [frame.offset for frame in kvsparse.frames(data)]
    reader = kvsparse.Reader(frames_only=True)
    found: list[int] = []
    for at in range(0, len(data), 100_000):
        for item in reader.feed(data[at : at + 100_000]):
            assert isinstance(item, kvsparse.Frame)
            found.append(item.offset)
            if len(found) % 7 == 0:
                break
    for item in reader.finish():
        assert isinstance(item, kvsparse.Frame)
        found.append(item.offset)
    assert found == whole
    assert list(reader.finish()) == []
    with pytest.raises(ValueError):
        reader.feed(b"")


def test_chunks_may_be_changed_when_they_were_fed(call: Path) -> None:
    data = call.read_bytes()[:50_000]
    whole = [frame.data for frame in kvsparse.frames(data)]
    reader = kvsparse.Reader(frames_only=True)
    buffer = bytearray(1000)
    found = []
    for at in range(0, len(data), 1000):
        piece = data[at : at + 1000]
        buffer[: len(piece)] = piece
        items = reader.feed(memoryview(buffer)[: len(piece)])
        found += [item.data for item in items if isinstance(item, kvsparse.Frame)]
        buffer[:] = bytes(1000)
    assert found + [f.data for f in reader.finish()] == whole  # type: ignore


def test_views_are_the_same_bytes(call: Path) -> None:
    data = call.read_bytes()[:300_000]
    copies = list(kvsparse.frames(data))
    views = list(kvsparse.frames([data[:70_000], data[70_000:]], copy=False))
    assert all(isinstance(frame.data, memoryview) for frame in views)
    assert [bytes(frame.data) for frame in views] == [f.data for f in copies]


def test_no_data(call: Path) -> None:
    frames = list(kvsparse.frames(call, data=False))
    assert len(frames) == 20000
    assert all(frame.data == b"" and frame.size == 320 for frame in frames)


def test_tracks_by_number_and_type(call: Path) -> None:
    assert sum(1 for _ in kvsparse.frames(call, track=2)) == 10000
    assert sum(1 for _ in kvsparse.frames(call, track=[1, 2])) == 20000
    assert sum(1 for _ in kvsparse.frames(call, track="audio")) == 20000
    assert sum(1 for _ in kvsparse.frames(call, track="video")) == 0
    assert sum(1 for _ in kvsparse.frames(call, track=["video", 1])) in (0, 10000)


def test_tags_and_times(capture: Path) -> None:
    items = list(kvsparse.read(capture))
    first = items[0]
    assert isinstance(first, kvsparse.Fragment)
    assert first.producer_time is not None
    assert first.producer_time.isoformat() == "2017-11-28T06:55:08.513000+00:00"
    assert first.tag("AWS_KINESISVIDEO_PRODUCER_TIMESTAMP") == "1511852108.513"
    assert first.tag("nothing") is None
    assert first.track(1) is first.tracks[0] and first.track(9) is None
    assert first.complete and first.frame_count == 60
    assert first.tag("AWS_KINESISVIDEO_MILLIS_BEHIND_NOW") == "15858"
    assert first.millis_behind_now == 15858


def test_after_close_nothing_comes(call: Path) -> None:
    with kvsparse.Reader() as reader:
        items = reader.feed(call.read_bytes())
        next(items)
    assert list(items) == []
    with pytest.raises(ValueError, match="closed"):
        reader.feed(b"more")
    stream = kvsparse.read(call)
    next(stream)
    stream.close()
    with pytest.raises(StopIteration):
        next(stream)


def test_items_have_a_short_repr(capture: Path) -> None:
    for item in kvsparse.read(capture):
        assert len(repr(item)) < 700


def test_frame_of_no_tracks(call: Path) -> None:
    """Frames whose Tracks never came have a track with nothing but a number."""
    data = call.read_bytes()
    at = data.index(b"\x16\x54\xae\x6b")  # Tracks becomes a Void
    length = data.index(b"\x1f\x43\xb6\x75") - at
    void = b"\xec" + (0x10000000 | (length - 5)).to_bytes(4, "big")
    changed = data[:at] + void + bytes(length - 5) + data[at + length :]
    frames = list(kvsparse.frames(changed[:100_000]))
    assert frames and {frame.track.type for frame in frames} == {"0"}
    assert {frame.track.number for frame in frames} == {1, 2}


def element(id: str, *content: bytes) -> bytes:
    """One of EBML's, with its length in 4 bytes."""
    data = b"".join(content)
    return bytes.fromhex(id) + (0x10000000 | len(data)).to_bytes(4, "big") + data


def simple_tag(name: str, value: str) -> bytes:
    tag = element("67c8", element("45a3", name.encode()), element("4487", value.encode()))
    return element("1254c367", element("7373", tag))


def test_a_late_tag_corrects_the_track() -> None:
    """As in streams of Amazon Connect, whose CodecID lies."""
    track = element("d7", b"\1"), element("83", b"\2"), element("86", b"A_AAC")
    audio = element("e1", element("9f", b"\1"))
    block = element("a3", b"\x81\0\0\x80", bytes(320))
    stream = (
        element("1a45dfa3", element("4282", b"matroska"))
        + bytes.fromhex("18538067" "01ffffffffffffff")
        + element("1654ae6b", element("ae", *track, audio))
        + element("1f43b675", element("e7", b"\0"), block)
        + simple_tag("MimeType", "audio/L16;rate=8000;channels=1;")
        + element("1f43b675", element("e7", b"\1"), block)
    )
    items = list(kvsparse.read(stream))
    frames = [item for item in items if isinstance(item, kvsparse.Frame)]
    found = [(f.track.codec_id, f.track.audio_codec_id) for f in frames]
    assert found == [("A_AAC", "A_AAC"), ("A_AAC", "A_PCM/INT/LIT")]
    assert frames[1].track.audio_sample_rate == 8000
    assert frames[1].fragment.tag("MimeType") == "audio/L16;rate=8000;channels=1;"
    assert frames[1].fragment.tracks == (frames[1].track,)


@pytest.mark.parametrize("piece", [5, None, [1, 2], "text"])
def test_what_is_no_bytes(piece: Any) -> None:
    for reader in (kvsparse.Reader(), kvsparse.read):
        with pytest.raises(TypeError, match="made of bytes"):
            list(reader([piece]) if callable(reader) else reader.feed(piece))


def test_a_reader_is_not_copied() -> None:
    """Two of them would free the same memory."""
    reader = kvsparse.Reader()
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot be copied"):
            attempt(reader)


def test_items_and_errors_travel_between_processes(call: Path) -> None:
    items = list(kvsparse.read(call.read_bytes()[:10_000]))
    again = pickle.loads(pickle.dumps(items))
    assert [repr(item) for item in again] == [repr(item) for item in items]
    with pytest.raises(kvsparse.DataError) as caught:
        list(kvsparse.read(b"nothing of that kind", strict=True))
    error = pickle.loads(pickle.dumps(caught.value))
    assert type(error) is kvsparse.DataError and str(error) == str(caught.value)
    assert vars(error) == vars(caught.value)
