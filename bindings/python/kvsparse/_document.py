"""The elements of a Matroska document as a tree."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from io import BytesIO
from typing import Any, Union

from . import _ffi, _library
from ._owner import Chunk
from .errors import class_for

__all__ = ["Document", "Element", "Value"]

# enum kvsp_event_type
_MASTER_BEGIN, _MASTER_END, _VALUE, _BLOB_BEGIN, _BLOB_DATA, _BLOB_END = range(1, 7)

# enum kvsp_element_type
_TYPES = {
    1: "master",
    2: "uint",
    3: "int",
    4: "float",
    5: "string",
    6: "utf8",
    7: "date",
    8: "binary",
}
_DATES_BEGIN = datetime(2001, 1, 1, tzinfo=timezone.utc)

#: What an element holds, by its type.
Value = Union[int, float, str, datetime, bytes, "list[Element]"]


class Element:
    """One element.  A master element is a sequence of its children.

    id:     with its marker bits, 0x1F43B675
    name:   "Cluster"; "UnknownElement" where Matroska knows none
    type:   "master", "uint", "int", "float", "string", "utf8", "date", "binary"
    offset: of its first byte in the document
    payloadOffset: of what follows its ID and size
    size:   of its payload in bytes, also where the stream does not tell it
    parent: None for EBML and Segment
    """

    def __init__(
        self,
        data: bytes,
        id: int,
        name: str,
        type: str,
        offset: int,
        header: int,
        parent: Element | None,
    ) -> None:
        self._data = data
        self._children: list[Element] = []
        self.id = id
        self.name = name
        self.type = type
        self.offset = offset
        self.payloadOffset = offset + header
        self.size = 0
        self.parent = parent

    @property
    def payload(self) -> bytes:
        """Its payload as it stands in the stream."""
        return self._data[self.payloadOffset : self.payloadOffset + self.size]

    @property
    def value(self) -> Value:
        """A number, a str, a datetime (UTC), bytes; of a master element the
        list of its children."""
        if self.type == "master":
            return self._children
        return _value_of(self.type, self.payload)

    @property
    def stream(self) -> BytesIO:
        """The document's bytes, to seek() and read() in."""
        return BytesIO(self._data)

    def getRaw(self) -> bytes:
        """All of its bytes, with its ID and size."""
        return self._data[self.offset : self.payloadOffset + self.size]

    def __iter__(self) -> Iterator[Element]:
        return iter(self._children)

    def __len__(self) -> int:
        return len(self._children)

    def __getitem__(self, index: int) -> Element:
        return self._children[index]

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<{self.name} (ID 0x{self.id:X}), offset {self.offset}, size {self.size}>"


def _value_of(type: str, payload: bytes) -> Value:
    if type == "uint":
        return int.from_bytes(payload, "big")
    if type == "int":
        return int.from_bytes(payload, "big", signed=True)
    if type == "float":
        form = {4: ">f", 8: ">d"}.get(len(payload))
        return float(struct.unpack(form, payload)[0]) if form else 0.0
    if type in ("string", "utf8"):
        return payload.partition(b"\0")[0].decode("utf-8", "replace")
    if type == "date":
        ns = int.from_bytes(payload, "big", signed=True)
        return _DATES_BEGIN + timedelta(microseconds=ns // 1000)
    return payload


class Document:
    """A Matroska document, or several: a sequence of the elements at its top,
    which are taken apart when they are asked for."""

    def __init__(self, data: bytes | bytearray) -> None:
        self.data = bytes(data)
        self._roots: list[Element] | None = None

    @property
    def roots(self) -> list[Element]:
        """EBML, Segment."""
        if self._roots is None:
            self._roots = _Parsing(self.data).roots
        return self._roots

    value = roots

    def __iter__(self) -> Iterator[Element]:
        return iter(self.roots)

    def __len__(self) -> int:
        return len(self.roots)

    def __getitem__(self, index: int) -> Element:
        return self.roots[index]

    def __bool__(self) -> bool:
        return True


class _Parsing:
    """The tokenizer's events into a tree.  What makes no sense is left out."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._open: list[Element] = []
        self.roots: list[Element] = []
        self._library = _library.core()
        handle = ctypes.c_void_p()
        _library.check(self._library.kvsp_tokenizer_new(ctypes.byref(handle), None))
        try:
            self._parse(handle)
        finally:
            self._library.kvsp_tokenizer_free(handle)

    def _parse(self, handle: ctypes.c_void_p) -> None:
        chunk = Chunk(self._data)
        event = ctypes.POINTER(_ffi.Event)()
        _library.check(
            self._library.kvsp_tokenizer_input(
                handle, chunk.address, len(self._data), _ffi.FINAL
            )
        )
        while True:
            code = self._library.kvsp_tokenizer_next(handle, ctypes.byref(event))
            if code == _ffi.OK:
                self._take(handle, event.contents)
            elif code > 0:
                return
            elif not self._goes_on(handle, code):
                return

    def _goes_on(self, handle: ctypes.c_void_p, code: int) -> bool:
        """Behind what made no sense, or is beyond a limit."""
        kind = class_for(code).__name__
        if kind not in ("DataError", "LimitError"):
            _library.check(code)
        return bool(self._library.kvsp_tokenizer_resync(handle) == _ffi.OK)

    def _take(self, handle: ctypes.c_void_p, event: Any) -> None:
        kind = event.type
        if kind in (_MASTER_BEGIN, _BLOB_BEGIN):
            self._open.append(self._add(event))
            if kind == _BLOB_BEGIN:
                _library.check(self._library.kvsp_tokenizer_skip(handle))
        elif kind == _VALUE:
            self._add(event).size = event.size
        elif kind in (_MASTER_END, _BLOB_END) and self._open:
            element = self._open.pop()
            element.size = max(0, event.data_offset - element.payloadOffset)

    def _add(self, event: Any) -> Element:
        info = event.info.contents if event.info else None
        parent = self._open[-1] if self._open else None
        element = Element(
            self._data,
            event.id,
            info.name.decode() if info else "UnknownElement",
            _TYPES.get(info.type, "binary") if info else "binary",
            event.offset,
            event.header_size,
            parent,
        )
        (self.roots if parent is None else parent._children).append(element)
        return element
