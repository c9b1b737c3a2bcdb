"""What owns an object of the library's, and lends it bytes."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

from . import _ffi, _library

__all__ = ["Chunk", "Fed", "NoCopy", "as_bytes"]

T = TypeVar("T")
F = TypeVar("F", bound="Fed[Any]")

# Bytes that the library is lent at once: more would only keep memory.
_PIECE = 1 << 20


class Chunk:
    """Bytes to be lent: they stay where they are as long as this lives."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.address: int = (
            ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0
        )
        self.position = 0

    def next_piece(self) -> tuple[int, int]:
        """Address and length of what comes next; the length is 0 at the end."""
        address = self.address + self.position
        length = min(len(self.data) - self.position, _PIECE)
        self.position += length
        return address, length


def as_bytes(data: bytes | bytearray | memoryview) -> bytes:
    """The caller may change what is no bytes before it is used up."""
    if isinstance(data, bytes):
        return data
    try:
        return memoryview(data).tobytes()
    except TypeError:  # bytes() would make zeros of a number
        name = type(data).__name__
        raise TypeError(f"a stream is made of bytes, not of {name}") from None


class NoCopy:
    """Has memory of the library's, which it frees: there cannot be two."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        name = type(self).__name__.lstrip("_")
        raise TypeError(f"{name}: what the library owns cannot be copied or pickled")


class Owner(NoCopy):
    """Has a handle of the library's, in which one thread at a time is."""

    def __init__(self) -> None:
        self._handle = ctypes.c_void_p()
        self._lock = threading.Lock()  # held by who is in the library
        self._closing = False

    def _free(self) -> None:
        """Called once at a time, while nobody is in the library."""
        raise NotImplementedError

    def close(self) -> None:
        """Frees all memory at once; the garbage collector would do it, too.
        What was taken stays valid.  Another thread, or a signal handler, may
        call it: then who is in the library frees it when it is out."""
        self._closing = True
        if self._lock.acquire(blocking=False):
            try:
                self._free()
            finally:
                self._lock.release()

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self.close()


class Fed(Owner, Generic[T]):
    """A Reader or a PictureReader: what is fed waits in a queue, of which the
    library is lent one piece after the other."""

    takes_long = False  # for _stream: whether it decodes

    def __init__(self) -> None:
        super().__init__()
        self._queue: list[Chunk] = []  # the first one is being read
        self._lent = False  # bytes are with the library
        self._finishing = False  # finish() was called...
        self._finished = False  # ...and the library knows

    def _give(self, address: int | None, length: int, flags: int) -> int:
        """The library's input function; its code."""
        raise NotImplementedError

    def _batches(self) -> Iterator[Iterable[T]]:
        """What the bytes at hand bring."""
        raise NotImplementedError

    def __enter__(self: F) -> F:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def feed_batches(self, chunk: bytes) -> Iterator[Iterable[T]]:
        """feed(), several at a time."""
        if self._finishing:
            raise ValueError("finish() was called")
        if not self._handle:
            raise ValueError("the reader is closed")
        self._queue.append(Chunk(as_bytes(chunk)))
        return self._batches()

    def finish_batches(self) -> Iterator[Iterable[T]]:
        """finish(), several at a time."""
        self._finishing = True
        return self._batches()

    def _lend(self) -> bool:
        """Gives the library the next bytes, if there are any."""
        while self._queue:
            address, length = self._queue[0].next_piece()
            if length:
                self._input(address, length, 0)
                return True
            del self._queue[0]
        if self._finished or not self._finishing:
            return False
        self._input(None, 0, _ffi.FINAL)
        self._finished = True
        return True

    def _input(self, address: int | None, length: int, flags: int) -> None:
        _library.check(self._give(address, length, flags))
        self._lent = True
