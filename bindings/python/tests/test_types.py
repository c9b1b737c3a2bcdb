"""mypy finds nothing, where there is one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import SOURCE

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
    result = subprocess.run(
        [*command, "--strict", "--cache-dir", str(tmp_path), str(PACKAGE)]
        + [str(path) for path in EXAMPLES],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stdout
