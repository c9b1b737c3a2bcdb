"""What can go wrong, as exceptions: one class for each range of status codes.

Damage in a stream is no error unless ``strict`` is asked for: it comes as a
:class:`kvsparse.Gap` among the items.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "ArgumentError",
    "CodecError",
    "DataError",
    "Error",
    "FatalError",
    "LibraryError",
    "LimitError",
    "MissingModuleError",
]


class Error(Exception):
    """The base of all errors that the library reports.

    code:       the status, ``-100``
    name:       its name in the C headers, ``"KVSP_ERR_EBML"``
    message:    a sentence in English
    offset:     where in the stream, in bytes from its begin; None: nowhere
    element_id: of the Matroska element concerned; None: unknown
    """

    def __init__(
        self,
        code: int,
        name: str,
        message: str,
        offset: int | None = None,
        element_id: int | None = None,
    ) -> None:
        where = "" if offset is None else f" at offset {offset}"
        super().__init__(f"{message} ({name}{where})")
        self.code = code
        self.name = name
        self.message = message
        self.offset = offset
        self.element_id = element_id

    def __reduce__(self) -> Any:
        """For pickle, which would give __init__ the text only: an error must
        come home from another process."""
        return type(self), (
            self.code,
            self.name,
            self.message,
            self.offset,
            self.element_id,
        )


class ArgumentError(Error, ValueError):
    """-1 to -99: a mistake of the caller's, such as a value out of range."""


class DataError(Error):
    """-100 to -199: the stream makes no sense there (only with ``strict``)."""


class LimitError(Error):
    """-200 to -299: something is larger than a limit allows.

    A :class:`kvsparse.Reader` goes on when the limit was raised by
    ``set_limits``; nothing is lost.
    """


class CodecError(Error):
    """-400 to -499: a codec is missing, or refused its data."""


class FatalError(Error):
    """-900 to -999: out of memory, or a bug; the reader is of no more use."""


class LibraryError(ImportError):
    """libkvsparse was not found, or is not the one this package is made for."""


class MissingModuleError(ImportError):
    """numpy or Pillow is wanted and not installed."""


def class_for(code: int) -> type[Error]:
    """The class of a negative status code."""
    if -99 <= code <= -1:
        return ArgumentError
    if -199 <= code <= -100:
        return DataError
    if -299 <= code <= -200:
        return LimitError
    if -499 <= code <= -400:
        return CodecError
    if -999 <= code <= -900:
        return FatalError
    return Error
