"""finish(): a stream into a Matroska file in which any player seeks."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import _config, _ffi, _library, _sources
from ._merge import mode_number
from ._output import Output, Target, names_several
from ._pieces import Collector
from ._raw_items import RawItems
from ._sources import Source

__all__ = ["FinishResult", "finish"]

_LIMIT_MEMORY = -205  # KVSP_ERR_LIMIT_MEMORY: the index is full


@dataclass(frozen=True, slots=True)
class FinishResult:
    """What finish() did."""

    files: tuple[Path, ...]  #: written; empty where the output is a file object
    frames: int
    frames_left: int  #: not written: encrypted, or their track is not known
    chapters: int  #: one for each fragment with frames
    bytes: int
    duration_ns: int  #: of all files together
    gaps: int  #: damaged places of the stream
    stopped: bool  #: at other tracks: the stream is longer


class _Finisher:
    """Owns a kvsp_finisher and what it writes to."""

    def __init__(
        self, output: Output, several: bool, mode: str, chapters: bool, memory: int
    ) -> None:
        self._handle = ctypes.c_void_p()
        self._library = _library.matroska()
        self._collector = Collector()
        self._output = output
        self._several = several
        self._files = 0
        config = _ffi.FinisherConfig(
            struct_size=ctypes.sizeof(_ffi.FinisherConfig),
            write=self._collector.callback("kvsp_collect_write"),
            user=self._collector.handle,
            mode=mode_number(mode),
            flags=0 if chapters else _ffi.FINISH_NO_CHAPTERS,
            max_memory=memory,
        )
        _library.check(
            self._library.kvsp_finisher_new(
                ctypes.byref(self._handle), ctypes.byref(config)
            )
        )
        self.total = _ffi.FinisherStats()
        self.full = False  # what give() refused is for the next file

    @property
    def stats(self) -> Any:
        """Of the file that is being written."""
        stats = _ffi.FinisherStats()
        _library.check(
            self._library.kvsp_finisher_get_stats(
                self._handle, ctypes.byref(stats), ctypes.sizeof(stats)
            )
        )
        return stats

    def give(self, item: Any) -> bool:
        """False: nothing more fits into this file."""
        code = self._library.kvsp_finisher_item(self._handle, item)
        self.full = code == _LIMIT_MEMORY and self._several
        if self.full:
            return False
        return int(_library.check(code)) == _ffi.OK

    def write(self) -> None:
        """What has come so far."""
        for piece in self._collector.take():
            if not self._output.is_open:
                self._files += 1
                self._output.begin({"i": str(self._files)} if self._several else {})
            self._output.write_at(piece.offset, piece.data)

    def end_file(self) -> None:
        _library.check(self._library.kvsp_finisher_finish(self._handle))
        self.write()
        self._output.close(well=True)
        stats = self.stats
        for name, _ in stats._fields_:
            setattr(self.total, name, getattr(self.total, name) + getattr(stats, name))

    def next_file(self) -> None:
        self.end_file()
        _library.check(self._library.kvsp_finisher_reset(self._handle))
        self._collector.reset()

    def close(self) -> None:
        if self._handle:
            self._library.kvsp_finisher_free(self._handle)
            self._handle = ctypes.c_void_p()
        self._collector.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self.close()


class _Finishing:
    """Items into files."""

    def __init__(self, finisher: _Finisher, split_ns: int, splits: bool) -> None:
        self._finisher = finisher
        self._split_ns = split_ns
        self._splits = splits
        self.gaps = 0
        self.stopped = False

    def take(self, items: Iterator[Any]) -> None:
        for item in items:
            if not self._take_item(item):
                self.stopped = True
                break
        self._finisher.write()

    def _take_item(self, item: Any) -> bool:
        kind = item.contents.type
        if kind == _ffi.ITEM_GAP:
            self.gaps += 1
        if kind == _ffi.ITEM_FRAGMENT and self._split_ns and self._is_full():
            self._finisher.next_file()
        if self._finisher.give(item):
            return True
        if self._finisher.full or self._splits:
            self._finisher.next_file()
            return self._finisher.give(item)
        return False

    def _is_full(self) -> bool:
        stats = self._finisher.stats
        return bool(stats.frames and stats.duration_ns >= self._split_ns)


def finish(
    source: Source,
    output: Target,
    *,
    mode: str = "rebase",
    on_change: str = "stop",
    split: float | None = None,
    chapters: bool = True,
    strict: bool = False,
    check_crc: bool = False,
    read_size: int | None = None,
    max_depth: int = 0,
    max_tracks: int = 0,
    max_tags: int = 0,
    max_value: int = 0,
    max_frame: int = 0,
    max_memory: int = 0,
) -> FinishResult:
    """Writes a stream into a Matroska file in which any player seeks: with its
    true duration, an index of key frames, and a chapter for each fragment, which
    has the fragment's tags.

    source: as for :func:`kvsparse.read`, but not asynchronous
    output: a path, which gets its name when the file is whole, and is then
            replaced; or a binary file that can seek.  With %i in its name,
            which counts from 1, there may be several
    mode:   of times: "rebase" starts at 0 and goes on where a producer's
            session begins anew, "pack" closes all gaps between fragments, too,
            "keep" leaves them as they are
    on_change: when tracks change: "stop", or "split": go on in another file
    split:  another file after so many seconds, where a fragment begins
    chapters: False: neither chapters nor tags
    max_memory: also of the index; where there may be several files, the next
            one begins when it is full
    The others are those of a :class:`kvsparse.Reader`.

    Where there are no frames nothing is written.  What goes wrong, also in the
    source or the output, is raised as it is; of the file that was being written
    nothing is left then.  Raises LibraryError where libkvsparse-matroska is
    missing, ArgumentError, DataError, LimitError, FatalError, ValueError,
    OSError.
    """
    if _sources.is_asynchronous(source):
        raise TypeError("the source is asynchronous; finish() takes no such thing")
    if on_change not in ("stop", "split"):
        raise ValueError("on_change is 'stop' or 'split'")
    if split is not None and split <= 0:
        raise ValueError("split must be more than 0 seconds")
    several = names_several(output, "i")
    if not several and (split is not None or on_change == "split"):
        raise ValueError("several files want a path with %i in it: 'part-%i.mkv'")
    written = Output(output, seeks=True)
    finisher = _Finisher(written, several, mode, chapters, max_memory)
    finishing = _Finishing(
        finisher, round((split or 0) * 1_000_000_000), on_change == "split"
    )
    flags = _config.reader_flags(
        strict=strict, keyframes=False, check_crc=check_crc, decompress=True
    )
    items = RawItems(
        flags=flags | _ffi.READ_ENTRIES,
        limits=_config.limits(
            max_depth, max_tracks, max_tags, max_value, max_frame, max_memory
        ),
    )
    try:
        for chunk in _sources.chunks(source, read_size):
            finishing.take(items.feed(chunk))
            if finishing.stopped:
                break
        if not finishing.stopped:
            finishing.take(items.finish())
        finisher.end_file()
    finally:
        written.close(well=False)
        finisher.close()
        items.close()
    total = finisher.total
    return FinishResult(
        files=tuple(written.paths),
        frames=total.frames,
        frames_left=total.frames_unknown + total.frames_compressed,
        chapters=total.chapters,
        bytes=total.bytes,
        duration_ns=total.duration_ns,
        gaps=finishing.gaps,
        stopped=finishing.stopped,
    )
