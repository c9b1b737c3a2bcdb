"""Where the bytes that are written go: a path, several of them, a file object.

A path gets its name when the file is whole: until then, and for ever if
something goes wrong, there is what was there before.
"""

from __future__ import annotations

import io
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Protocol, Union

__all__ = ["Output", "Target", "Writable", "names_several"]


class Writable(Protocol):
    """A binary file, a pipe, a socket's makefile("wb")."""

    def write(self, data: bytes, /) -> Any: ...


#: What merge(), finish() and extract() take.
Target = Union[str, "os.PathLike[str]", Writable]

_PLACEHOLDER = re.compile("%(.?)", re.DOTALL)


def _is_path(target: Target) -> bool:
    return isinstance(target, (str, os.PathLike))


def names_several(target: Target, letters: str) -> bool:
    """Whether it is a path with one of these placeholders (%i, %f) in its last
    part.  Raises ValueError for those that are not known."""
    if not isinstance(target, (str, os.PathLike)):
        return False
    found = _PLACEHOLDER.findall(Path(target).name)
    if not found:
        return False
    for letter in found:
        if letter not in [*letters, "t", "%"]:
            raise ValueError(f"'%{letter}' in {Path(target).name!r}: not known")
    if not set(letters) & set(found):
        raise ValueError(f"{Path(target).name!r}: without %i all files are the same")
    return True


def _filled(target: Path, values: Mapping[str, str]) -> Path:
    if not values:
        return target
    known = {**values, "%": "%"}
    return target.with_name(
        _PLACEHOLDER.sub(lambda match: known[match.group(1)], target.name)
    )


class _File:
    """One output: open until close()."""

    def __init__(self, target: Target, values: Mapping[str, str]) -> None:
        self.path: Path | None = None
        self._temporary: Path | None = None
        self._file: Any = target
        self._position = 0
        self._length = 0
        if isinstance(target, (str, os.PathLike)):
            self.path = _filled(Path(target), values)
            self._file = self._open(self.path)
        else:
            self._base = target.tell() if _seeks(target) else 0  # type: ignore[attr-defined]

    def _open(self, path: Path) -> IO[bytes]:
        self._base = 0
        if path.exists() and not path.is_file():
            return open(path, "wb")  # a device or a named pipe
        self._temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        return open(self._temporary, "xb")

    def write(self, data: bytes) -> None:
        left = data
        while left:
            written = self._file.write(left)
            if written is None and isinstance(self._file, io.RawIOBase):
                raise BlockingIOError("the output is in non-blocking mode")
            # Only files without a buffer write less than they are given.
            left = left[len(left) if written is None else written :]
        self._position += len(data)
        self._length = max(self._length, self._position)

    def write_at(self, offset: int, data: bytes) -> None:
        if offset != self._position:
            self._file.seek(self._base + offset)
            self._position = offset
        self.write(data)

    def flush(self) -> None:
        """A reader at the other end is to have it now."""
        if self.path is None and hasattr(self._file, "flush"):
            self._file.flush()

    def close(self, *, well: bool) -> None:
        if self.path is None:  # it is the caller's
            if well and self._position != self._length:
                self._file.seek(self._base + self._length)
            return
        try:
            self._file.close()
            if well and self._temporary is not None:
                os.replace(self._temporary, self.path)
                self._temporary = None
        finally:
            if self._temporary is not None:
                self._temporary.unlink(missing_ok=True)


def _seeks(target: Any) -> bool:
    return bool(getattr(target, "seekable", lambda: False)())


class Output:
    """The outputs of one call, one after the other."""

    def __init__(self, target: Target, *, seeks: bool = False) -> None:
        if not _is_path(target) and not hasattr(target, "write"):
            raise TypeError(
                "an output is a path or a binary file, not "
                f"{type(target).__name__}"
            )
        if isinstance(target, io.TextIOBase):
            raise TypeError(
                "the output takes text: open the file in mode 'wb'; "
                "sys.stdout.buffer is the binary one"
            )
        if seeks and not _is_path(target) and not _seeks(target):
            raise ValueError(
                "the output cannot seek: a finished file's head is written last"
            )
        self._target = target
        self._file: _File | None = None
        self.paths: list[Path] = []

    @property
    def is_open(self) -> bool:
        return self._file is not None

    def begin(self, values: Mapping[str, str]) -> None:
        """The next file: values are those of the placeholders in its name."""
        self.close(well=True)
        self._file = _File(self._target, values)

    def write(self, data: bytes) -> None:
        assert self._file
        self._file.write(data)

    def write_at(self, offset: int, data: bytes) -> None:
        assert self._file
        self._file.write_at(offset, data)

    def flush(self) -> None:
        if self._file:
            self._file.flush()

    def close(self, *, well: bool) -> None:
        """well: it is whole and gets its name; else nothing is left."""
        file, self._file = self._file, None
        if file is None:
            return
        file.close(well=well)
        if well and file.path is not None:
            self.paths.append(file.path)
