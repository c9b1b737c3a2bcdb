"""What a merger, a finisher or an extractor writes: it is fetched from a
kvsp_collector, so that C never calls Python."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any, NamedTuple

from . import _ffi, _library

__all__ = ["Collector", "Piece"]


class Piece(NamedTuple):
    """A kvsp_collected."""

    data: bytes
    offset: int
    segment: int
    fragment_index: int
    producer_time_ns: int
    reason: int
    flags: int
    pts_ns: int
    sample_rate: int
    channels: int


class Collector:
    """Owns a kvsp_collector: to be closed after what writes into it."""

    def __init__(self) -> None:
        self.handle = ctypes.c_void_p()
        self._library = _library.core()
        self._piece = ctypes.POINTER(_ffi.Piece)()
        _library.check(
            self._library.kvsp_collector_new(ctypes.byref(self.handle), None)
        )

    def callback(self, name: str) -> int:
        """The address of that function of the library."""
        address = ctypes.cast(getattr(self._library, name), ctypes.c_void_p).value
        assert address
        return address

    def take(self) -> Iterator[Piece]:
        """What was written and not yet fetched."""
        fetch, handle = self._library.kvsp_collector_next, self.handle
        reference = ctypes.byref(self._piece)
        while self.handle and _library.check(fetch(handle, reference)) == _ffi.OK:
            yield _piece_of(self._piece.contents)

    def reset(self) -> None:
        _library.check(self._library.kvsp_collector_reset(self.handle))

    def close(self) -> None:
        if self.handle:
            self._library.kvsp_collector_free(self.handle)
            self.handle = ctypes.c_void_p()

    def __del__(self) -> None:
        if getattr(self, "handle", None):
            self.close()


def _piece_of(p: Any) -> Piece:
    length = p.data.len
    return Piece(
        ctypes.string_at(p.data.data, length) if length else b"",
        p.offset,
        p.segment,
        p.fragment_index,
        p.producer_time_ns,
        p.reason,
        p.flags,
        p.pts_ns,
        p.sample_rate,
        p.channels,
    )
