"""Items are what ``kvsparse events`` says of the same stream, field by field."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest
from conftest import events_of

import kvsparse


def seconds(ns: int | None) -> str | None:
    if ns is None:
        return None
    sign = "-" if ns < 0 else ""
    return f"{sign}{abs(ns) // 10**9}.{abs(ns) % 10**9:09d}"


def tag_line(tag: kvsparse.Tag) -> dict[str, Any]:
    line: dict[str, Any] = {"name": tag.name}
    if isinstance(tag.value, bytes):
        line["value_base64"] = base64.b64encode(tag.value).decode()
    else:
        line["value"] = tag.value
    if tag.targets:
        t = tag.targets
        line["targets"] = {"type_value": t.type_value, "type": t.type}
        for kind in ("track", "edition", "chapter", "attachment"):
            uids = getattr(t, f"{kind}_uids")
            if uids:
                line["targets"][f"{kind}_uids"] = list(uids)
    if tag.tags:
        line["tags"] = [tag_line(inner) for inner in tag.tags]
    return line


def track_line(track: kvsparse.Track) -> dict[str, Any]:
    line = {
        "number": track.number,
        "uid": track.uid,
        "type": track.type,
        "codec_id": track.codec_id,
        "codec_private_size": len(track.codec_private) or None,
        "name": track.name,
        "language": track.language,
        "width": track.width,
        "height": track.height,
        "sample_rate": track.sample_rate,
        "channels": track.channels,
        "bit_depth": track.bit_depth,
    }
    if track.encodings:
        line["encodings"] = list(track.encodings)
    declared = (track.codec_id, track.sample_rate, track.channels, track.bit_depth)
    real = (
        track.audio_codec_id,
        track.audio_sample_rate,
        track.audio_channels,
        track.audio_bit_depth,
    )
    if track.audio_codec_id is not None and declared != real:
        names = ("codec_id", "sample_rate", "channels", "bit_depth")
        line["audio"] = dict(zip(names, real))
    return line


def fragment_line(f: kvsparse.Fragment) -> dict[str, Any]:
    return {
        "type": "fragment",
        "fragment": f.index,
        "offset": f.offset,
        "number": f.number,
        "producer_time": seconds(f.producer_time_ns),
        "server_time": seconds(f.server_time_ns),
        "new_tracks": f.new_tracks,
        "discontinuity": f.discontinuity,
        "gap": seconds(f.gap_ns),
        "error_id": f.error_id,
        "error_code": f.error_code,
        "tracks": [track_line(track) for track in f.tracks],
        "tags": [tag_line(tag) for tag in f.tags],
    }


def frame_line(f: kvsparse.Frame) -> dict[str, Any]:
    line = {
        "type": "frame",
        "fragment": f.fragment.index,
        "frame": f.index,
        "track": f.track.number,
        "pts": seconds(f.pts_ns),
        "producer_time": seconds(f.producer_time_ns),
        "duration": seconds(f.duration_ns),
        "key": f.key,
        "invisible": f.invisible,
        "discardable": f.discardable,
        "lacing": f.lacing,
        "offset": f.offset,
        "size": f.size,
    }
    if f.encrypted:
        line["encrypted"] = True
    if f.compressed:
        line["compressed"] = True
    if f.additions:
        line["additions"] = len(f.additions)
    return line


def end_line(f: kvsparse.Fragment) -> dict[str, Any]:
    return {
        "type": "fragment_end",
        "fragment": f.index,
        "number": f.number,
        "continuation_token": f.continuation_token,
        "millis_behind_now": f.millis_behind_now,
        "frames": f.frame_count,
        "bytes": f.size,
        "complete": f.complete,
        "damaged": f.damaged,
    }


def line_of(item: kvsparse.Item) -> dict[str, Any]:
    match item:
        case kvsparse.Fragment():
            return fragment_line(item)
        case kvsparse.Frame():
            return frame_line(item)
        case kvsparse.Tags():
            tags = [tag_line(tag) for tag in item.tags]
            return {"type": "tags", "fragment": item.fragment.index, "tags": tags}
        case kvsparse.FragmentEnd():
            return end_line(item.fragment)
        case kvsparse.Gap():
            return {
                "type": "gap",
                "from": item.start,
                "to": item.end,
                "reason": item.reason,
                "frames_lost": item.frames_lost,
            }


def lines_of(source: Any, **options: Any) -> list[dict[str, Any]]:
    return [line_of(item) for item in kvsparse.read(source, **options)]


def assert_same(path: Path, *options: str, **keywords: Any) -> None:
    expected = events_of(path, *options)[:-1]
    found = lines_of(path, **keywords)
    for ours, theirs in zip(found, expected):
        assert ours == theirs
    assert len(found) == len(expected)


def test_generated(sample: Path) -> None:
    assert_same(sample)


def test_two_tracks(call: Path) -> None:
    assert_same(call)


@pytest.mark.parametrize("size", [1, 7, 1000, 4096, 1 << 20])
def test_however_the_bytes_are_cut(sample: Path, size: int) -> None:
    data = sample.read_bytes()[:200_000]
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    assert lines_of(pieces) == lines_of(data)


def test_options_are_the_program_s(capture: Path) -> None:
    assert_same(capture, "--key-frames", keyframes=True)
    assert_same(capture, "--track", "2", track=2)
    assert_same(capture, "--max-frame", "20000", max_frame=20000)


def test_payloads_are_the_bytes_of_the_stream(capture: Path) -> None:
    data = capture.read_bytes()
    count = 0
    for frame in kvsparse.frames(capture):
        there = data[frame.offset : frame.offset + frame.size]
        assert hashlib.sha256(frame.data).digest() == hashlib.sha256(there).digest()
        count += 1
    assert count == 300


def streams(corpus: Path) -> list[Path]:
    endings = (".mkv", ".webm", ".mka", ".mk3d")
    return sorted(p for p in corpus.rglob("*") if p.suffix in endings)


def test_the_whole_corpus(corpus: Path) -> None:
    """Sound and broken streams alike, but for very large ones."""
    compared = 0
    for path in streams(corpus):
        if path.stat().st_size > 5_000_000:
            continue
        expected = events_of(path)[:-1]
        found = lines_of(path)
        # Text that is no UTF-8 has no one way to be shown.
        if found != expected:
            shown = repr(found)
            assert "\ufffd" in shown, path
        compared += 1
    assert compared > 100
