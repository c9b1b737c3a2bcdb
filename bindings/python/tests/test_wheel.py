"""pip makes a wheel, an empty environment takes it, three lines work."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import SOURCE

THREE_LINES = """\
import kvsparse, sys
for picture in kvsparse.pictures(sys.argv[1]):
    print(picture.array.shape, picture.producer_time)
"""


def environment() -> dict[str, str]:
    """Without what leads to the sources and the build."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "KVSPARSE_LIBRARY_PATH", "PYTHONDONTWRITEBYTECODE")
    }


def copy_project(to: Path) -> None:
    """A copy that may be written to.  The tests work inside of their own folder,
    which would be copied into itself without end."""
    ignored = shutil.ignore_patterns("tests", "build", "*.egg-info", "__pycache__")
    shutil.copytree(SOURCE / "bindings" / "python", to, ignore=ignored)
    subprocess.run(["chmod", "-R", "u+w", str(to)], check=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for module in ("pip", "wheel", "setuptools"):
        if find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    folder = tmp_path_factory.mktemp("wheel")
    project = folder / "python"
    copy_project(project)
    variables = {
        **environment(),
        "KVSPARSE_LIBRARY_PATH": os.environ["KVSPARSE_LIBRARY_PATH"],
    }
    command = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation"]
    command += ["--no-index", "--no-deps", "-w", str(folder), str(project)]
    made = subprocess.run(command, capture_output=True, text=True, env=variables)
    assert made.returncode == 0, made.stdout + made.stderr
    (found,) = folder.glob("*.whl")
    return found


def test_what_is_in_the_wheel(wheel: Path) -> None:
    assert "-py3-none-" in wheel.name and not wheel.name.endswith("-any.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "kvsparse/py.typed" in names
    assert any(name.startswith("kvsparse/_lib/libkvsparse.") for name in names)
    for folder in os.environ["KVSPARSE_LIBRARY_PATH"].split(os.pathsep):
        for library in Path(folder).glob("libkvsparse*.so.0"):
            assert f"kvsparse/_lib/{library.name}" in names
    here = SOURCE / "bindings" / "python" / "kvsparse"
    assert {f"kvsparse/{path.name}" for path in here.glob("*.py")} <= set(names)


def test_without_libraries_it_says_what_to_do(tmp_path: Path) -> None:
    if find_spec("wheel") is None:
        pytest.skip("wheel is not installed")
    project = tmp_path / "python"
    copy_project(project)
    variables = {**environment(), "KVSPARSE_LIBRARY_PATH": "/nowhere"}
    made = subprocess.run(
        [sys.executable, "setup.py", "-q", "build"],
        capture_output=True,
        text=True,
        env=variables,
        cwd=project,
    )
    assert made.returncode != 0
    assert "Build libkvsparse first" in made.stderr
    assert "KVSPARSE_LIBRARY_PATH" in made.stderr


def test_three_lines_in_an_empty_environment(
    wheel: Path, decodes: None, capture: Path, tmp_path: Path
) -> None:
    try:
        venv.create(tmp_path / "venv", system_site_packages=True, with_pip=False)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no virtual environment: {error}")
    python = tmp_path / "venv" / "bin" / "python"
    command = [python, "-m", "pip", "install", "-q", "--no-index", wheel]
    made = subprocess.run(
        [str(c) for c in command], capture_output=True, text=True, env=environment()
    )
    assert made.returncode == 0, made.stdout + made.stderr
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "three.py").write_text(THREE_LINES)
    result = subprocess.run(
        [str(python), "three.py", str(capture)],
        capture_output=True,
        text=True,
        env=environment(),
        cwd=empty,
    )
    lines = result.stdout.splitlines()
    assert len(lines) == 300, result.stderr
    assert all(line.startswith("(360, 640, 3) 2017-11-28 06:55:") for line in lines)
    assert len(set(lines)) == 300
