"""The examples do what they say, in fewer than 40 lines each."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import SOURCE, events_of

import kvsparse

EXAMPLES = SOURCE / "bindings" / "python" / "examples"


def example(name: str, *arguments: str | Path) -> list[str]:
    result = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def test_they_are_short() -> None:
    paths = list(EXAMPLES.glob("*.py"))
    assert len(paths) == 4
    for path in paths:
        assert len(path.read_text(encoding="utf-8").splitlines()) < 40, path


def test_motion_in_a_real_capture(decodes: None, capture: Path) -> None:
    """Where ever smaller changes count, ever more pictures have motion."""
    pictures = 300 // 3 - 1
    assert len(example("motion.py", capture, "0")) == pictures
    some = example("motion.py", capture)
    few = example("motion.py", capture, "0.002")
    assert example("motion.py", capture, "0.1") == []
    assert 0 < len(few) < len(some) < pictures
    assert set(few) <= set(some)
    assert all(line.startswith("2017-11-28 06:55:") for line in some)


def test_a_thumbnail_for_each_fragment(
    decodes: None, sample: Path, tmp_path: Path
) -> None:
    image = pytest.importorskip("PIL.Image")
    numbers = [
        item.number for item in kvsparse.read(sample) if isinstance(item, kvsparse.Fragment)
    ]
    lines = example("thumbnails.py", sample, tmp_path / "made")
    assert lines == [str(tmp_path / "made" / f"{number}.jpg") for number in numbers]
    for line in lines:
        with image.open(line) as opened:
            assert opened.format == "JPEG" and opened.width == 320


def test_a_table_of_frames(sample: Path) -> None:
    lines = list(csv.DictReader(io.StringIO("\n".join(example("frames_csv.py", sample)))))
    expected = [event for event in events_of(sample) if event["type"] == "frame"]
    assert len(lines) == len(expected) > 50
    frames = list(kvsparse.frames(sample))
    for line, frame in zip(lines, frames):
        assert line["fragment"] == frame.fragment.number
        assert frame.producer_time is not None and frame.pts_ns is not None
        assert line["producer_time"] == frame.producer_time.isoformat()
        assert float(line["pts_ms"]) * 1e6 == pytest.approx(frame.pts_ns)
        assert int(line["bytes"]) == len(frame.data)
        assert int(line["key"]) == frame.key


def test_a_response_like_boto3s(capture: Path) -> None:
    lines = example("like_boto3.py", capture)
    ends = [item for item in kvsparse.read(capture) if isinstance(item, kvsparse.FragmentEnd)]
    assert len(lines) == 6
    assert lines[0].startswith(f"{ends[0].fragment.number} 2017-11-28 06:55:")
    assert [line.split()[-1] for line in lines[:5]] == ["60"] * 5
    assert lines[5] == f"go on after {ends[-1].continuation_token}"
