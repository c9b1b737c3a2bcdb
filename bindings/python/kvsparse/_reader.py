"""Bytes in, items out: what owns a kvsp_reader."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterator
from itertools import chain
from typing import Any

from . import _config, _convert, _ffi, _library
from ._items import Addition, Fragment, FragmentEnd, Frame, Item, Tags, Track
from ._owner import Chunk, Fed
from ._times import TIME_NONE

__all__ = ["Reader"]

# Frames that one call of the library may return: a list of more of them would
# only keep memory.
_BATCH = 256

_RECORD = struct.Struct(_ffi.FRAME_RECORD)
_FRAME_SIZE = ctypes.sizeof(_ffi.Frame)


class Reader(Fed[Item]):
    """For those who own the loop: bytes in, items out.

        reader = kvsparse.Reader()
        for chunk in connection:
            for item in reader.feed(chunk):
                ...
        for item in reader.finish():
            ...

    One thread at a time may use it; any may close() it.  The keywords:

    track:      frames of that track only: its number, its type ("video"), or
                several of them; None: all
    strict:     the first fault is a :class:`DataError` instead of a Gap
    keyframes:  key frames only
    data:       False: frames without their bytes
    check_crc:  verify CRC-32 elements; a mismatch is a Gap
    decompress: undo the compression of the track's ContentEncodings
    copy:       False: a frame's data is a memoryview of the chunk where that
                holds all of it, which then stays as long as the view does:
                faster for large frames, slower for small ones
    frames_only: leave out all items but frames
    max_...:    how much of everything a stream may make the reader hold; 0:
                the default.  Elements inside each other (16), TrackEntry
                elements (64) and SimpleTags (256) of a fragment, bytes of one
                value that is no frame (1 MiB), of one Block (64 MiB), of all
                that is held (256 MiB)

    Raises ArgumentError for a value that the library refuses.
    """

    def __init__(
        self,
        *,
        track: _config.TrackChoice = None,
        strict: bool = False,
        keyframes: bool = False,
        data: bool = True,
        check_crc: bool = False,
        decompress: bool = False,
        copy: bool = True,
        frames_only: bool = False,
        max_depth: int = 0,
        max_tracks: int = 0,
        max_tags: int = 0,
        max_value: int = 0,
        max_frame: int = 0,
        max_memory: int = 0,
    ) -> None:
        super().__init__()
        self._library = _library.core()
        self._limits = _config.limits(
            max_depth, max_tracks, max_tags, max_value, max_frame, max_memory
        )
        config = _ffi.ReaderConfig(
            struct_size=ctypes.sizeof(_ffi.ReaderConfig),
            limits=ctypes.pointer(self._limits),
            flags=_config.reader_flags(
                strict=strict,
                keyframes=keyframes,
                check_crc=check_crc,
                data=data,
                decompress=decompress,
            ),
        )
        _config.set_tracks(config, track)
        _library.check(
            self._library.kvsp_reader_new(
                ctypes.byref(self._handle), ctypes.byref(config)
            )
        )
        self._copy = copy
        self._frames_only = frames_only
        self._records = ctypes.create_string_buffer(_BATCH * _FRAME_SIZE)
        self._record_view = memoryview(self._records)
        self._count = ctypes.c_size_t()
        self._item = ctypes.POINTER(_ffi.Item)()
        self._ready: Iterator[Item] = iter(())  # items of the last call
        self._fragment: Fragment | None = None
        self._tracks: dict[int, Track] = {}  # by addresses in the library

    # --- feeding -----------------------------------------------------------

    def feed(self, chunk: bytes | bytearray | memoryview) -> Iterator[Item]:
        """The items that these bytes complete, before them those that were not
        taken of the bytes before.

        Raises DataError with ``strict``, LimitError (raise the limit by
        set_limits() and feed on; nothing is lost), FatalError.
        """
        return chain.from_iterable(self.feed_batches(chunk))

    def finish(self) -> Iterator[Item]:
        """No more bytes come: what is still to be told, such as the end of the
        last fragment."""
        return chain.from_iterable(self.finish_batches())

    def _free(self) -> None:
        self._ready = iter(())
        self._queue.clear()
        if self._handle:
            self._library.kvsp_reader_free(self._handle)
            self._handle = ctypes.c_void_p()

    # --- asking ------------------------------------------------------------

    @property
    def offset(self) -> int:
        """Of the next byte to be looked at."""
        return int(self._library.kvsp_reader_offset(self._handle))

    @property
    def memory(self) -> tuple[int, int]:
        """Bytes that the library holds for it now, and the most ever."""
        stats = _ffi.ReaderStats()
        _library.check(
            self._library.kvsp_reader_get_stats(
                self._handle, ctypes.byref(stats), ctypes.sizeof(stats)
            )
        )
        return stats.memory, stats.memory_peak

    def set_limits(self, **limits: int) -> None:
        """Other limits from here on: the ``max_...`` of the constructor."""
        for name in limits:
            if not name.startswith("max_") or not hasattr(self._limits, name):
                raise TypeError(f"there is no limit {name!r}")
        _config.set_numbers(self._limits, limits)
        _library.check(
            self._library.kvsp_reader_set_limits(
                self._handle, ctypes.byref(self._limits)
            )
        )

    # --- the loop ----------------------------------------------------------

    def _batches(self) -> Iterator[Iterator[Item]]:
        while True:
            # An iterator of a list: a caller that stops here leaves the rest.
            yield self._ready
            with self._lock:
                goes_on = bool(self._handle) and self._advance()
            if self._closing:
                self.close()
            if not goes_on:
                return

    def _advance(self) -> bool:
        """Asks the library once; False when it wants bytes that are not there,
        or has told all."""
        if not self._lent and not self._lend():
            return False
        code = self._library.kvsp_reader_next_frames(
            self._handle,
            self._records,
            _FRAME_SIZE,
            _BATCH,
            ctypes.byref(self._count),
            ctypes.byref(self._item),
        )
        ready: list[Item] = []
        if self._count.value:
            ready += self._frames(self._count.value)
        if self._item:
            self._take_item(self._item.contents, ready)
        self._ready = iter(ready)
        if code == _ffi.NEED_INPUT or code == _ffi.END:
            self._lent = False
        elif code < 0 and not ready:
            self._fail(code)
        return True

    def _fail(self, code: int) -> None:
        info = self._library.kvsp_reader_error(self._handle).contents
        _library.check(code, info)

    def _give(self, address: int | None, length: int, flags: int) -> int:
        give = self._library.kvsp_reader_input
        return int(give(self._handle, address, length, flags))

    # --- frames ------------------------------------------------------------

    def _frames(self, count: int) -> list[Frame]:
        """The records of the last call as frames."""
        try:
            return self._make_frames(count)
        except KeyError:  # of a track that no Tracks told of
            self._tracks = _Tracks(self._tracks)
            return self._make_frames(count)

    def _make_frames(self, count: int) -> list[Frame]:
        """Written for speed: nearly all of the time is spent here."""
        chunk = self._queue[0] if self._queue else Chunk(b"")
        data = chunk.data if self._copy else memoryview(chunk.data)
        begin = chunk.address
        known = len(data)
        outside = _string_at if self._copy else _copied_view
        tracks, fragment, none = self._tracks, self._fragment, TIME_NONE
        frames: list[Frame] = []
        append = frames.append
        for record in _RECORD.iter_unpack(self._record_view[: count * _FRAME_SIZE]):
            frame = Frame()
            frame._record = record
            at = record[0] - begin
            length = record[1]
            frame.data = (
                data[at : at + length]
                if 0 <= at < known
                else outside(record[0], length)
            )
            frame.size = record[2]
            frame.track = tracks[record[4]]
            frame.fragment = fragment  # type: ignore[assignment]
            pts = record[6]
            frame.pts_ns = None if pts == none else pts
            frame.flags = record[10]
            append(frame)
        # One that has more than that ends what the library tells at once.
        last = _ffi.Frame.from_buffer(self._records, (count - 1) * _FRAME_SIZE)
        if last.codec_state.data or last.addition_count:
            _set_extras(frame, last)
        return frames

    # --- other items -------------------------------------------------------

    def _take_item(self, item: Any, ready: list[Item]) -> None:
        taken = self._take(item)
        if taken is not None and not self._frames_only:
            ready.append(taken)

    def _take(self, item: Any) -> Item | None:
        if item.type == _ffi.ITEM_FRAGMENT:
            self._fragment = _convert.fragment_of(item.fragment.contents)
            self._find_tracks(item.fragment.contents)
            return self._fragment
        if item.type == _ffi.ITEM_GAP:
            inside = self._fragment if item.fragment else None
            return _convert.gap_of(item.gap.contents, inside)
        if self._fragment is None:
            return None
        if item.type == _ffi.ITEM_TAGS:
            return self._take_tags(item, self._fragment)
        if item.type == _ffi.ITEM_FRAGMENT_END:
            _convert.end_fragment(self._fragment, item.fragment.contents)
            return FragmentEnd(self._fragment)
        return None  # of a newer library

    def _take_tags(self, item: Any, fragment: Fragment) -> Tags:
        tags = _convert.tags_of(item.tags, item.tag_count)
        fragment.tags += tags
        _convert.update_fragment(fragment, item.fragment.contents)
        self._find_tracks(item.fragment.contents)
        return Tags(fragment, tags)

    def _find_tracks(self, fragment: Any) -> None:
        assert self._fragment is not None
        pointers = fragment.tracks[: fragment.track_count]
        self._tracks = {
            ctypes.addressof(pointer.contents): track
            for pointer, track in zip(pointers, self._fragment.tracks)
        }


def _string_at(address: int, length: int) -> bytes:
    return ctypes.string_at(address, length) if length else b""


def _copied_view(address: int, length: int) -> memoryview:
    return memoryview(_string_at(address, length))


def _set_extras(frame: Frame, record: Any) -> None:
    """What only BlockGroups have."""
    state = record.codec_state
    additions = tuple(
        Addition(a.id, _convert.data_of(a.data))
        for a in record.additions[: record.addition_count]
    )
    codec_state = _convert.data_of(state) if state.data else None
    frame._record = (*frame._record, (codec_state, additions))


class _Tracks(dict[int, Track]):
    """A _tracks that makes those which are missing."""

    def __missing__(self, address: int) -> Track:
        """It has nothing but its number."""
        return _convert.track_of(_ffi.Track.from_address(address))
