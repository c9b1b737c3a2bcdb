"""mypy finds nothing, where there is one; nothing public is without a word."""

from __future__ import annotations

import inspect
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import SOURCE

import kvsparse

PACKAGE = SOURCE / "bindings" / "python" / "kvsparse"
EXAMPLES = sorted((SOURCE / "bindings" / "python" / "examples").glob("*.py"))


def test_mypy_strict(tmp_path: Path) -> None:
    for command in ([sys.executable, "-m", "mypy"], ["mypy"]):
        if shutil.which(command[0]) is None:
            continue
        found = subprocess.run([*command, "--version"], capture_output=True)
        if found.returncode == 0:
            break
    else:
        pytest.skip("mypy is not installed")
    settings = ["--config-file", str(PACKAGE.parent / "pyproject.toml")]
    result = subprocess.run(
        [*command, *settings, "--cache-dir", str(tmp_path), str(PACKAGE)]
        + [str(path) for path in EXAMPLES],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stdout


def test_all_that_is_public_tells_of_itself() -> None:
    silent = []
    for name in kvsparse.__all__:
        thing = getattr(kvsparse, name)
        members = vars(thing).items() if isinstance(thing, type) else ()
        found = [(name, thing)] if callable(thing) else []
        found += [(f"{name}.{key}", value) for key, value in members if key[0] != "_"]
        for key, value in found:
            told = callable(value) or isinstance(value, property)
            if told and key not in ("Item", "Source") and not inspect.getdoc(value):
                silent.append(key)
    assert silent == []
