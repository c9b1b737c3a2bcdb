"""merge() and merged(): many fragments into one stream that plays."""

from __future__ import annotations

import ctypes
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from . import _config, _ffi, _library, _sources
from ._output import Output, Target, names_several
from ._pieces import Collector, Piece
from ._owner import Chunk, as_bytes
from ._sources import Source
from ._stream import Feeder, Stream
from ._times import TIME_NONE, utc

__all__ = ["MergeResult", "merge", "merged"]

_MODES = {"rebase": 0, "pack": 1, "keep": 2}
_SPLIT = 2  # KVSP_MERGE_SPLIT


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What merge() did."""

    files: tuple[Path, ...]  #: written; empty where the output is a file object
    segments: int  #: documents; a player shows the first one of a file
    fragments: int  #: with a frame that was written
    frames: int
    frames_left: int  #: not written: no Tracks say what they are
    bytes: int
    gaps: int  #: damaged places of the stream


def mode_number(mode: str) -> int:
    """KVSP_MERGE_..., KVSP_FINISH_..., which are the same."""
    if mode not in _MODES:
        raise ValueError(f"no mode {mode!r}; there are {', '.join(_MODES)}")
    return _MODES[mode]


def _split(split: str | float | None, split_bytes: int) -> dict[str, int]:
    if isinstance(split, str):
        if split != "fragment":
            raise ValueError(f"split is a number of seconds or 'fragment', not {split!r}")
        return {"split_fragments": 1, "split_bytes": split_bytes}
    if split is not None and split <= 0:
        raise ValueError("split must be more than 0 seconds")
    ns = round((split or 0) * 1_000_000_000)
    return {"split_ns": ns, "split_bytes": split_bytes}


class Merger:
    """Bytes in, pieces of the output out; owns a kvsp_merger."""

    takes_long = False  # for _stream

    def __init__(
        self,
        *,
        mode: str,
        tags: bool,
        stop: bool,
        strict: bool,
        check_crc: bool,
        splits: Mapping[str, int],
        limits: _ffi.Limits,
    ) -> None:
        self._handle = ctypes.c_void_p()
        self._library = _library.core()
        self._collector = Collector()
        self._limits = limits
        flags = _ffi.MERGE_STRICT if strict else 0
        flags |= _ffi.MERGE_CHECK_CRC if check_crc else 0
        flags |= _ffi.MERGE_TAGS if tags else 0
        flags |= _ffi.MERGE_STOP if stop else 0
        config = _ffi.MergerConfig(
            struct_size=ctypes.sizeof(_ffi.MergerConfig),
            limits=ctypes.pointer(self._limits),
            mode=mode_number(mode),
            flags=flags,
            output=self._collector.callback("kvsp_collect_merge"),
            user=self._collector.handle,
        )
        _config.set_numbers(config, splits)
        _library.check(
            self._library.kvsp_merger_new(
                ctypes.byref(self._handle), ctypes.byref(config)
            )
        )
        self.ended = False  # nothing is taken any more

    @property
    def stats(self) -> Any:
        stats = _ffi.MergerStats()
        _library.check(
            self._library.kvsp_merger_get_stats(
                self._handle, ctypes.byref(stats), ctypes.sizeof(stats)
            )
        )
        return stats

    def feed(self, data: bytes) -> Iterator[Piece]:
        """What these bytes become.  Raises what the library says behind it."""
        chunk = Chunk(as_bytes(data))
        address, length = chunk.next_piece()
        while length and not self.ended:
            yield from self._write(address, length, 0)
            address, length = chunk.next_piece()

    def finish(self) -> Iterator[Piece]:
        """Nothing follows: folded tags, and what waited for more bytes."""
        if not self.ended:
            yield from self._write(None, 0, _ffi.FINAL)

    def _write(self, address: int | None, length: int, flags: int) -> Iterator[Piece]:
        code = self._library.kvsp_merger_write(self._handle, address, length, flags)
        self.ended = code != _ffi.OK
        yield from self._collector.take()
        if code < 0:
            info = self._library.kvsp_merger_error(self._handle).contents
            _library.check(code, info)

    def feed_batches(self, chunk: bytes) -> Iterator[tuple[bytes]]:
        """For _stream, as finish_batches(): bytes only."""
        for piece in self.feed(chunk):
            yield (piece.data,)

    def finish_batches(self) -> Iterator[tuple[bytes]]:
        for piece in self.finish():
            yield (piece.data,)

    def close(self) -> None:
        if self._handle:
            self._library.kvsp_merger_free(self._handle)
            self._handle = ctypes.c_void_p()
        self._collector.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self.close()


def _until_ended(pieces: Iterator[bytes], merger: Merger) -> Iterator[bytes]:
    """Without waiting for bytes that nobody wants."""
    for piece in pieces:
        yield piece
        if merger.ended:
            return


async def _async_until_ended(pieces: Any, merger: Merger) -> AsyncIterator[bytes]:
    async for piece in pieces:
        yield piece
        if merger.ended:
            return


def merged(
    source: Source,
    *,
    mode: str = "rebase",
    on_change: str = "new-segment",
    tags: bool = False,
    strict: bool = False,
    check_crc: bool = False,
    read_size: int | None = None,
    max_depth: int = 0,
    max_tracks: int = 0,
    max_tags: int = 0,
    max_value: int = 0,
    max_frame: int = 0,
    max_memory: int = 0,
) -> Stream[bytes]:
    """One stream that players play, as bytes, the moment each frame has come:
    for a pipe, a socket, an HTTP response.

        for chunk in kvsparse.merged(response["Payload"]):
            player.stdin.write(chunk)

    The keywords are merge()'s; on_change is "new-segment" or "stop".
    """
    if on_change not in ("new-segment", "stop"):
        raise ValueError("on_change is 'new-segment' or 'stop'")
    merger = Merger(
        mode=mode,
        tags=tags,
        stop=on_change == "stop",
        strict=strict,
        check_crc=check_crc,
        splits={},
        limits=_config.limits(
            max_depth, max_tracks, max_tags, max_value, max_frame, max_memory
        ),
    )
    _sources.check_read_size(read_size)
    pieces: Any
    if _sources.is_asynchronous(source):
        pieces = _async_until_ended(
            _sources.asynchronous_chunks(source, read_size), merger
        )
    else:
        pieces = _until_ended(_sources.chunks(source, read_size), merger)
    return Stream(pieces, cast("Feeder[bytes]", merger), None)


def _values(piece: Piece) -> dict[str, str]:
    """What a name may tell of a segment."""
    time = None if piece.producer_time_ns == TIME_NONE else piece.producer_time_ns
    begun = utc(time)
    milliseconds = 0 if begun is None else begun.microsecond // 1000
    return {
        "i": f"{piece.segment:05d}",
        "f": f"{piece.fragment_index:05d}",
        "t": "none"
        if begun is None
        else f"{begun:%Y%m%dT%H%M%S}.{milliseconds:03d}Z",
    }


class _Merging:
    """Pieces into files."""

    def __init__(self, output: Output, several: bool, on_change: str | None) -> None:
        self._output = output
        self._several = several
        self._on_change = on_change

    def _wants_file(self, piece: Piece) -> bool:
        if not self._output.is_open:
            return True
        if not self._several or not piece.reason:
            return False
        return piece.reason == _SPLIT or self._on_change != "new-segment"

    def take(self, pieces: Iterator[Piece]) -> None:
        for piece in pieces:
            if self._wants_file(piece):
                self._output.begin(_values(piece) if self._several else {})
            self._output.write(piece.data)
        self._output.flush()


def _checked(
    output: Target, split: str | float | None, split_bytes: int, on_change: str | None
) -> bool:
    """Whether there are several files; ValueError where that cannot be."""
    several = names_several(output, "if")
    if on_change not in (None, "new-file", "new-segment", "stop"):
        raise ValueError("on_change is 'new-file', 'new-segment' or 'stop'")
    if not several and (split is not None or split_bytes or on_change == "new-file"):
        raise ValueError("several files want a path with %i in it: 'part-%i.mkv'")
    return several


def merge(
    source: Source,
    output: Target,
    *,
    mode: str = "rebase",
    on_change: str | None = None,
    split: str | float | None = None,
    split_bytes: int = 0,
    tags: bool = False,
    strict: bool = False,
    check_crc: bool = False,
    read_size: int | None = None,
    max_depth: int = 0,
    max_tracks: int = 0,
    max_tags: int = 0,
    max_value: int = 0,
    max_frame: int = 0,
    max_memory: int = 0,
) -> MergeResult:
    """Writes the fragments of a stream as one Matroska document that players
    play; frames are copied, nothing is decoded.

    source: as for :func:`kvsparse.read`, but not asynchronous (use merged())
    output: a path, which gets its name when the file is whole, and is then
            replaced; or a binary file, to which each frame goes at once.  With
            %i (number of the file) or %f (of its first fragment) in its name
            there may be several; %t is the producer's time
    mode:   of times: "rebase" begins at 0 and keeps gaps, "pack" begins at 0
            and closes them, "keep" leaves times as they are
    on_change: where tracks change, or, with "keep", times go back:
            "new-file" (where there may be several, the default), "new-segment"
            (the default otherwise; players may not show what follows), "stop"
    split:  a new file at the first fragment after so many seconds, or
            "fragment": for each
    split_bytes: the same by size
    tags:   fold the fragments' tags into one Tags at the end
    strict: the first fault is a DataError; else damage is left out
    The others are those of a :class:`kvsparse.Reader`.

    Where there are no frames nothing is written.  What goes wrong, also in the
    source or the output, is raised as it is; of the file that was being written
    nothing is left then.  Raises ArgumentError, DataError, LimitError,
    FatalError, ValueError, OSError.
    """
    if _sources.is_asynchronous(source):
        raise TypeError("the source is asynchronous: use 'async for' with merged()")
    several = _checked(output, split, split_bytes, on_change)
    written = Output(output)
    merger = Merger(
        mode=mode,
        tags=tags,
        stop=on_change == "stop",
        strict=strict,
        check_crc=check_crc,
        splits=_split(split, split_bytes),
        limits=_config.limits(
            max_depth, max_tracks, max_tags, max_value, max_frame, max_memory
        ),
    )
    merging = _Merging(written, several, on_change)
    try:
        for chunk in _until_ended(_sources.chunks(source, read_size), merger):
            merging.take(merger.feed(chunk))
        merging.take(merger.finish())
        written.close(well=True)
        stats = merger.stats
    finally:
        written.close(well=False)
        merger.close()
    return MergeResult(
        files=tuple(written.paths),
        segments=stats.segments,
        fragments=stats.fragments,
        frames=stats.frames,
        frames_left=stats.frames_left,
        bytes=stats.bytes,
        gaps=stats.gaps,
    )
