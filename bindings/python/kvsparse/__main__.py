"""``python -m kvsparse``: versions and features."""

from __future__ import annotations

import importlib
import platform

from . import __version__, _library
from .errors import LibraryError


def _version_of(module: str) -> str:
    try:
        return str(importlib.import_module(module).__version__)
    except ImportError:
        return "not installed"


def _pictures() -> tuple[str, str]:
    try:
        library = _library.av()
    except LibraryError as error:
        return "no", str(error)
    return library.kvsp_av_version().decode(), _library.path_of(library)


def _finishing() -> tuple[str, str]:
    try:
        library = _library.matroska()
    except LibraryError as error:
        return "no", str(error)
    return library.kvsp_finisher_version().decode(), _library.path_of(library)


def main() -> None:
    core = _library.core()
    decoders, path = _pictures()
    writers, writers_path = _finishing()
    print(f"kvsparse              {__version__}")
    print(f"libkvsparse           {core.kvsp_version().decode()}  {_library.path_of(core)}")
    print(f"libkvsparse-av        {path}")
    print(f"decoders              {decoders}")
    print(f"libkvsparse-matroska  {writers_path}")
    print(f"writers               {writers}")
    print(f"zlib                  {'yes' if core.kvsp_features() & 1 else 'no'}")
    print(f"numpy                 {_version_of('numpy')}")
    print(f"Pillow                {_version_of('PIL')}")
    print(f"Python                {platform.python_version()}")


if __name__ == "__main__":
    main()
