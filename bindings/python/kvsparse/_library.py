"""Finds libkvsparse, libkvsparse-av and libkvsparse-matroska, and refuses those
of another version.

Looked at, in this order: the folders in the variable KVSPARSE_LIBRARY_PATH
(nothing else, where it is set), the package's own folder ``_lib`` (wheels have
the libraries there), the folder of ``make install``, the system's loader.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from . import _ffi
from ._version import VERSION
from .errors import Error, LibraryError, class_for

VARIABLE = "KVSPARSE_LIBRARY_PATH"
_ABI = 0  # what the libraries' file names end with


def file_name(name: str) -> str:
    """What the linker calls a library of ours: libkvsparse.so.0."""
    if sys.platform == "darwin":
        return f"{name}.{_ABI}.dylib"
    return f"{name}.so.{_ABI}"


def _folders() -> Iterator[Path]:
    yield Path(__file__).parent / "_lib"
    try:
        installed = import_module(f"{__package__}._installed")
    except ImportError:
        return
    yield Path(installed.LIBRARY_FOLDER)  # written by make install


def _candidates(name: str) -> list[str]:
    file = file_name(name)
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return [str(Path(folder) / file) for folder in chosen.split(os.pathsep)]
    found = [str(folder / file) for folder in _folders()]
    return [path for path in found if os.path.exists(path)] + [file]


def _load(name: str) -> ctypes.CDLL:
    problems = []
    for path in _candidates(name):
        try:
            return ctypes.CDLL(path)
        except OSError as error:
            problems.append(str(error))
    raise LibraryError(
        f"{name} cannot be loaded: {'; '.join(problems)}. Install libkvsparse "
        f"{VERSION}, or set {VARIABLE} to the folder that {file_name(name)} is "
        f"in (several are separated by {os.pathsep!r})."
    )


def _declare(library: ctypes.CDLL, functions: list[_ffi.Function]) -> None:
    for name, result, arguments in functions:
        try:
            function = getattr(library, name)
        except AttributeError:
            raise LibraryError(
                f"{library._name} has no {name}: it is not libkvsparse {VERSION}"
            ) from None
        function.restype = result
        function.argtypes = arguments


def _check_sizes(
    library: ctypes.CDLL,
    size_of: Callable[[bytes], int],
    structs: dict[str, type[ctypes.Structure]],
) -> None:
    for name, struct in structs.items():
        size = size_of(name.encode())
        if size != ctypes.sizeof(struct):
            raise LibraryError(
                f"{library._name} has another ABI than this package: its "
                f"{name} takes {size} bytes, not {ctypes.sizeof(struct)}"
            )


def _check_version(library: ctypes.CDLL) -> None:
    try:
        function = library.kvsp_version
    except AttributeError:
        raise LibraryError(f"{library._name} is not libkvsparse") from None
    function.restype = ctypes.c_char_p
    version = function().decode()
    if version != VERSION:
        raise LibraryError(
            f"{library._name} is libkvsparse {version}; the Python package "
            f"kvsparse {VERSION} wants libkvsparse {VERSION}"
        )


@functools.lru_cache(maxsize=None)
def core() -> Any:
    """libkvsparse."""
    library = _load("libkvsparse")
    _check_version(library)
    _declare(library, _ffi.CORE_FUNCTIONS)
    _check_sizes(library, library.kvsp_sizeof, _ffi.CORE_STRUCTS)
    return library


@functools.lru_cache(maxsize=None)
def av() -> Any:
    """libkvsparse-av, which needs libkvsparse: the one that core() loaded."""
    core()
    library = _load("libkvsparse-av")
    _declare(library, _ffi.AV_FUNCTIONS)
    _check_sizes(library, library.kvsp_av_sizeof, _ffi.AV_STRUCTS)
    return library


@functools.lru_cache(maxsize=None)
def matroska() -> Any:
    """libkvsparse-matroska, the same way; not every build has one."""
    core()
    try:
        library = _load("libkvsparse-matroska")
    except LibraryError as error:
        raise LibraryError(
            f"{error} It is built where libmatroska is installed (Debian: "
            "libmatroska-dev)."
        ) from None
    _declare(library, _ffi.MATROSKA_FUNCTIONS)
    return library


def path_of(library: Any) -> str:
    """Where it was loaded from, or its name if the system's loader knew it."""
    return str(library._name)


def check(code: int, info: Any = None) -> int:
    """The code, if it is no error; info is a kvsp_error_info that tells more."""
    if code >= 0:
        return code
    library = core()
    name = library.kvsp_status_name(code).decode()
    if info is not None and info.status == code:
        text = info.message.decode()
        raise class_for(code)(
            code, name, text, info.offset, info.element_id or None
        )
    text = library.kvsp_status_text(code).decode()
    raise class_for(code)(code, name, text)


__all__ = ["Error", "av", "check", "core", "file_name", "matroska", "path_of"]
