"""Finding the libraries, versions, errors, python -m kvsparse."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import SOURCE, run

import kvsparse
from kvsparse import _ffi, _library, errors


def python(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **variables},
    )


def test_version_is_the_headers() -> None:
    text = (SOURCE / "include" / "kvsparse" / "common.h").read_text()
    parts = re.findall(r"#define KVSP_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", text)
    assert ".".join(parts) == kvsparse.__version__ == kvsparse.library_version()


def test_a_library_that_is_not_there_is_told() -> None:
    result = python("import kvsparse", KVSPARSE_LIBRARY_PATH="/nowhere")
    assert result.returncode != 0
    last = result.stderr.strip().splitlines()[-1]
    assert "LibraryError" in last and "/nowhere/libkvsparse" in last
    assert "KVSPARSE_LIBRARY_PATH" in last


def test_another_version_is_told() -> None:
    result = python(
        "import sys, types; m = types.ModuleType('kvsparse._version');"
        "m.VERSION = '9.8.7'; sys.modules['kvsparse._version'] = m; import kvsparse"
    )
    last = result.stderr.strip().splitlines()[-1]
    assert "LibraryError" in last
    assert "9.8.7" in last and kvsparse.__version__ in last


def test_another_abi_is_told() -> None:
    with pytest.raises(errors.LibraryError, match="kvsp_frame takes 7 bytes"):
        _library._check_sizes(
            _library.core(), lambda name: 7, {"kvsp_frame": _ffi.Frame}
        )


def test_a_foreign_library_is_told(tmp_path: Path) -> None:
    file = tmp_path / _library.file_name("libkvsparse")
    source = tmp_path / "none.c"
    source.write_text("int nothing;\n")
    compiler = os.environ.get("CC", "cc").split()
    made = run(*compiler, "-shared", "-fPIC", "-o", file, source)
    if made.returncode != 0:
        pytest.skip("no compiler that makes a shared library")
    result = python("import kvsparse", KVSPARSE_LIBRARY_PATH=str(tmp_path))
    assert "is not libkvsparse" in result.stderr


def test_python_m_kvsparse() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "kvsparse"], capture_output=True, text=True
    )
    assert result.returncode == 0
    lines = dict(line.split(None, 1) for line in result.stdout.splitlines())
    assert lines["kvsparse"].strip() == kvsparse.__version__
    assert lines["libkvsparse"].split()[0] == kvsparse.__version__
    assert {"libkvsparse-av", "zlib", "numpy", "Pillow", "Python"} <= set(lines)


@pytest.mark.parametrize(
    ("code", "kind", "name"),
    [
        (-1, errors.ArgumentError, "KVSP_ERR_ARG"),
        (-4, errors.ArgumentError, "KVSP_ERR_UNSUPPORTED"),
        (-100, errors.DataError, "KVSP_ERR_EBML"),
        (-106, errors.DataError, "KVSP_ERR_COMPRESSION"),
        (-205, errors.LimitError, "KVSP_ERR_LIMIT_MEMORY"),
        (-400, errors.CodecError, "KVSP_ERR_CODEC"),
        (-901, errors.FatalError, "KVSP_ERR_NOMEM"),
        (-300, errors.Error, None),
    ],
)
def test_a_class_for_each_range(
    code: int, kind: type[errors.Error], name: str | None
) -> None:
    with pytest.raises(errors.Error) as caught:
        _library.check(code)
    assert type(caught.value) is kind
    assert caught.value.code == code
    assert caught.value.offset is None
    assert caught.value.message
    if name:
        assert caught.value.name == name


def test_error_text() -> None:
    text = kvsparse.error_text(4501)
    assert text is not None and "KMS" in text
    assert kvsparse.error_text(1) is None


def test_without_numpy_and_pillow(decodes: None, sample: Path) -> None:
    """Everything but arrays and images."""
    result = python(
        "import sys\n"
        "sys.modules['numpy'] = sys.modules['PIL'] = None\n"
        "import kvsparse\n"
        f"picture = next(kvsparse.pictures({str(sample)!r}))\n"
        "print(len(picture.tobytes()) == picture.width * picture.height * 3)\n"
        "for name in ('array', 'to_pil'):\n"
        "    try:\n"
        "        getattr(picture, name) if name == 'array' else picture.to_pil()\n"
        "    except kvsparse.MissingModuleError as error:\n"
        "        print(error)\n"
    )
    lines = result.stdout.splitlines()
    assert lines[0] == "True", result.stderr
    assert "pip install numpy" in lines[1]
    assert "pip install Pillow" in lines[2]


def python_blocks(path: Path) -> list[str]:
    """Indented or fenced code that mentions the package."""
    text = path.read_text()
    fenced = re.findall(r"```python\n(.*?)```", text, re.S)
    indented = [
        "".join(line[4:] or "\n" for line in block.splitlines(keepends=True))
        for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", text, re.M)
    ]
    return [b for b in fenced + indented if re.search(r"in kvsparse\.", b)]


@pytest.mark.parametrize("name", ["README.md", "bindings/python/README.md"])
def test_what_the_readme_shows(
    name: str, decodes: None, capture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = python_blocks(SOURCE / name)
    assert blocks
    for block in blocks:
        with open(capture, "rb") as payload:
            variables = {"kvsparse": kvsparse, "response": {"Payload": payload}}
            exec(block.replace("getmedia.mkv", str(capture)), variables)
        assert len(capsys.readouterr().out.splitlines()) >= 300
