"""A reader's items as the library has them, for other parts of the library."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

from . import _config, _ffi, _library
from ._owner import Chunk, as_bytes

__all__ = ["RawItems"]


class RawItems:
    """Bytes in, pointers to kvsp_item out, each valid until the next one."""

    def __init__(
        self,
        *,
        flags: int,
        limits: _ffi.Limits,
        track: _config.TrackChoice = None,
    ) -> None:
        self._handle = ctypes.c_void_p()
        self._library = _library.core()
        self._limits = limits
        self._item = ctypes.POINTER(_ffi.Item)()
        config = _ffi.ReaderConfig(
            struct_size=ctypes.sizeof(_ffi.ReaderConfig),
            limits=ctypes.pointer(self._limits),
            flags=flags,
        )
        _config.set_tracks(config, track)
        _library.check(
            self._library.kvsp_reader_new(
                ctypes.byref(self._handle), ctypes.byref(config)
            )
        )

    def feed(self, data: bytes) -> Iterator[Any]:
        chunk = Chunk(as_bytes(data))
        address, length = chunk.next_piece()
        while length:
            yield from self._lend(address, length, 0)
            address, length = chunk.next_piece()

    def finish(self) -> Iterator[Any]:
        yield from self._lend(None, 0, _ffi.FINAL)

    def _lend(self, address: int | None, length: int, flags: int) -> Iterator[Any]:
        read, item = self._library.kvsp_reader_next, self._item
        reference = ctypes.byref(item)
        _library.check(
            self._library.kvsp_reader_input(self._handle, address, length, flags)
        )
        while self._handle:
            code = read(self._handle, reference)
            if code < 0:
                info = self._library.kvsp_reader_error(self._handle).contents
                _library.check(code, info)
            if code != _ffi.OK:
                return
            yield item

    def close(self) -> None:
        if self._handle:
            self._library.kvsp_reader_free(self._handle)
            self._handle = ctypes.c_void_p()

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self.close()
