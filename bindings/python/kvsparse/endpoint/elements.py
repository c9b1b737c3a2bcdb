"""Where the elements of a recording are: the library's tokenizer, by ctypes.

Knows positions; knows nothing of what the elements mean.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Iterator

from .. import _library
from ..errors import LibraryError

MASTER_BEGIN, MASTER_END, VALUE, BLOB_BEGIN, BLOB_DATA, BLOB_END = range(1, 7)

_FINAL = 1
_OK = 0
_size_t = ctypes.c_size_t


class _View(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("len", _size_t)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_uint32), ("flags", ctypes.c_uint32),
        ("id", ctypes.c_uint64), ("depth", ctypes.c_uint32),
        ("header_size", ctypes.c_uint32), ("offset", ctypes.c_uint64),
        ("size", ctypes.c_uint64), ("data_offset", ctypes.c_uint64),
        ("data", _View), ("info", ctypes.c_void_p),
    ]


@dataclass(frozen=True)
class Event:
    """What the tokenizer tells; ``end`` is set where the element is over."""

    kind: int
    id: int
    depth: int
    begin: int
    payload: int
    end: int
    known_size: bool


def _tokenizer_library() -> ctypes.CDLL:
    """The package's library, with the tokenizer's functions declared."""
    core = _library.core()
    lib = ctypes.CDLL(_library.path_of(core))  # ours to declare
    pointer, integer = ctypes.c_void_p, ctypes.c_int
    lib.kvsp_tokenizer_new.argtypes = [ctypes.POINTER(pointer), pointer]
    lib.kvsp_tokenizer_new.restype = integer
    lib.kvsp_tokenizer_free.argtypes = [pointer]
    lib.kvsp_tokenizer_free.restype = None
    lib.kvsp_tokenizer_input.argtypes = [pointer, ctypes.c_char_p, _size_t,
                                         ctypes.c_uint]
    lib.kvsp_tokenizer_input.restype = integer
    lib.kvsp_tokenizer_next.argtypes = [
        pointer, ctypes.POINTER(ctypes.POINTER(_Event))]
    lib.kvsp_tokenizer_next.restype = integer
    if core.kvsp_sizeof(b"kvsp_event") != ctypes.sizeof(_Event):
        raise LibraryError("libkvsparse has another kvsp_event than this "
                           "package")
    return lib


def _event(raw: _Event) -> Event:
    payload = raw.offset + raw.header_size
    end = -1
    if raw.type in (MASTER_END, BLOB_END):
        end = raw.data_offset
    elif raw.type == VALUE:
        end = payload + raw.size
    return Event(raw.type, raw.id, raw.depth, raw.offset, payload, end,
                 raw.size != 2 ** 64 - 1)


def events(data: bytes) -> Iterator[Event]:
    """All events but the pieces of binary elements.

    Ends where the elements end; what is cut or broken there ends it, too,
    and what has begun by then gets no end.
    """
    lib = _tokenizer_library()
    tokenizer = ctypes.c_void_p()
    if lib.kvsp_tokenizer_new(ctypes.byref(tokenizer), None) != _OK:
        raise MemoryError("no tokenizer")
    try:
        if lib.kvsp_tokenizer_input(tokenizer, data, len(data), _FINAL) != _OK:
            raise MemoryError("the tokenizer takes no input")
        found = ctypes.POINTER(_Event)()
        while lib.kvsp_tokenizer_next(tokenizer, ctypes.byref(found)) == _OK:
            if found.contents.type != BLOB_DATA:
                yield _event(found.contents)
    finally:
        lib.kvsp_tokenizer_free(tokenizer)
