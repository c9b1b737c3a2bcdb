"""What the tests share: streams, the program, TAP lines for count.sh."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

TOP = Path(os.environ.get("top_builddir", Path(__file__).parents[3]))
SOURCE = Path(os.environ.get("top_srcdir", Path(__file__).parents[3]))
PROGRAM = TOP / "tools" / "kvsparse"

_lines: list[str] = []


def pytest_runtest_logreport(report: Any) -> None:
    if report.when != "call" and report.passed:
        return
    name = report.nodeid.split("/")[-1]
    number = len(_lines) + 1
    if report.skipped:
        reason = str(report.longrepr[2]).replace("\n", " ")
        _lines.append(f"ok {number} - {name} # SKIP {reason}")
    elif report.failed:
        _lines.append(f"not ok {number} - {name}")
    else:
        _lines.append(f"ok {number} - {name}")


def pytest_sessionfinish() -> None:
    path = os.environ.get("KVSPARSE_TAP")
    if path:
        text = "\n".join([*_lines, f"1..{len(_lines)}"]) + "\n"
        Path(path).write_text(text, encoding="utf-8")


def run(*command: str | Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([str(c) for c in command], capture_output=True)


def events_of(path: Path, *options: str) -> list[dict[str, Any]]:
    """What ``kvsparse events`` says of a stream."""
    result = run(PROGRAM, "events", *options, path)
    lines = result.stdout.decode().splitlines()
    if not lines:
        pytest.skip(f"kvsparse events: {result.stderr.decode().strip()}")
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real streams."""
    folder = os.environ.get("KVSPARSE_CORPUS")
    if not folder:
        pytest.skip("KVSPARSE_CORPUS is not set")
    return Path(folder)


@pytest.fixture(scope="session")
def capture(corpus: Path) -> Path:
    """300 pictures as GetMedia sent them."""
    return corpus / "kvs-getmedia" / "output_get_media.mkv"


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``kvsparse generate`` writes: H.264 in several fragments."""
    path: Path = tmp_path_factory.mktemp("sample") / "sample.mkv"
    result = run(PROGRAM, "generate", "-o", path)
    if result.returncode != 0:
        pytest.skip(f"kvsparse generate: {result.stderr.decode().strip()}")
    return path


@pytest.fixture(scope="session")
def call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tracks of sound, 20000 frames of 320 bytes each; needs no FFmpeg."""
    program = TOP / "tests" / "bench" / "make_input"
    if not program.exists():
        pytest.skip("tests/bench/make_input was not built")
    path: Path = tmp_path_factory.mktemp("call") / "call.mkv"
    path.write_bytes(run(program, "C", "20000").stdout)
    return path


@pytest.fixture
def decodes() -> None:
    """Skips what wants pictures where there are none."""
    import kvsparse

    if "pictures" not in kvsparse.features():
        pytest.skip("libkvsparse-av was not built")
    pytest.importorskip("numpy")
