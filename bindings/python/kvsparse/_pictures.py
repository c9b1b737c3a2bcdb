"""Decoded pictures, as numpy arrays and Pillow images: what owns a
kvsp_pictures."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

from . import _config, _convert, _ffi, _library
from ._items import Fragment
from ._owner import Fed, NoCopy
from ._times import optional, utc
from .errors import MissingModuleError

if TYPE_CHECKING:
    import numpy
    import PIL.Image

__all__ = ["Picture", "PictureReader"]

# By name: number in the headers, samples of a pixel, Pillow's mode and order.
_FORMATS = {
    "gray": (1, 1, "L", "L"),
    "rgb24": (2, 3, "RGB", "RGB"),
    "bgr24": (3, 3, "RGB", "BGR"),
    "rgba": (4, 4, "RGBA", "RGBA"),
    "bgra": (5, 4, "RGBA", "BGRA"),
}

# Fragments that are remembered: pictures come as many later as a decoder with
# many threads holds frames of them.
_FRAGMENTS = 256


class _Samples(NoCopy):
    """Keeps a picture of the library's as long as somebody looks at it: numpy
    holds what it got an array from."""

    def __init__(self, library: Any, picture: Any, samples: int) -> None:
        self._kept = ctypes.POINTER(_ffi.Picture)()
        self._release = library.kvsp_picture_release
        _library.check(
            library.kvsp_picture_retain(picture, ctypes.byref(self._kept))
        )
        kept = self._kept.contents
        self.address = int(kept.plane[0])
        self.stride = int(kept.stride[0])
        self.height = int(kept.height)
        self.row = int(kept.width) * samples
        shape = (kept.height, kept.width)
        strides = (self.stride, samples)
        # What was not converted is the decoder's, too.
        read_only = bool(kept.avframe)
        self.__array_interface__ = {
            "version": 3,
            "typestr": "|u1",
            "data": (self.address, read_only),
            "shape": shape if samples == 1 else (*shape, samples),
            "strides": strides if samples == 1 else (*strides, 1),
        }

    def __del__(self) -> None:
        if getattr(self, "_kept", None):
            self._release(self._kept)

    def rows(self) -> bytes:
        """All samples, without what stands between the rows."""
        size = self.stride * (self.height - 1) + self.row
        whole = ctypes.string_at(self.address, size)
        if self.stride == self.row:
            return whole
        begins = range(0, self.stride * self.height, self.stride)
        return b"".join(whole[begin : begin + self.row] for begin in begins)


class Picture:
    """One decoded picture.  Valid as long as it lives, also when its reader is
    gone; so is each array, also when the picture is gone.

    Times are nanoseconds, None where unknown.
    """

    __slots__ = (
        "_samples",
        "coded_height",
        "coded_width",
        "damaged",
        "duration_ns",
        "format",
        "fragment",
        "fragment_number",
        "frame_index",
        "height",
        "index",
        "key",
        "offset",
        "producer_time_ns",
        "pts_ns",
        "track_number",
        "width",
    )

    format: str  #: "rgb24"...
    width: int  #: pixels
    height: int
    coded_width: int  #: before scaling
    coded_height: int
    pts_ns: int | None  #: of its frame, as the next five
    producer_time_ns: int | None  #: Unix epoch
    duration_ns: int | None
    offset: int  #: of the frame's first byte in the stream
    track_number: int
    frame_index: int  #: in its fragment
    index: int  #: 0 for the track's first picture
    key: bool  #: from a key frame
    damaged: bool  #: faulty, or leans on a frame that is missing
    fragment: Fragment | None  #: with its tags as far as they were read
    fragment_number: str | None

    def __init__(
        self, library: Any, pointer: Any, format: str, fragment: Fragment | None
    ) -> None:
        p = pointer.contents
        self._samples = _Samples(library, pointer, _FORMATS[format][1])
        self.format = format
        self.width = p.width
        self.height = p.height
        self.coded_width = p.coded_width
        self.coded_height = p.coded_height
        self.pts_ns = optional(p.pts_ns)
        self.producer_time_ns = optional(p.producer_time_ns)
        self.duration_ns = optional(p.duration_ns)
        self.offset = p.offset
        self.track_number = p.track_number
        self.frame_index = p.frame_index
        self.index = p.index
        self.key = bool(p.flags & _ffi.PICTURE_KEY)
        self.damaged = bool(p.flags & _ffi.PICTURE_DAMAGED)
        self.fragment = fragment
        self.fragment_number = _convert.text_of(p.fragment_number)

    def __repr__(self) -> str:
        return (
            f"<Picture {self.index}: {self.width}x{self.height} {self.format}, "
            f"producer time {self.producer_time}>"
        )

    @property
    def producer_time(self) -> datetime | None:
        """Aware, UTC, cut to microseconds."""
        return utc(self.producer_time_ns)

    @property
    def array(self) -> numpy.ndarray[Any, numpy.dtype[numpy.uint8]]:
        """height x width x samples of uint8, or height x width for "gray".

        A view, no copy: rows may have bytes between them, all arrays of a
        picture share their samples.  It may be written to, unless the decoder
        itself made what was asked for ("gray" of some streams): see
        ``array.flags.writeable``.  Raises MissingModuleError without numpy.
        """
        try:
            import numpy
        except ImportError as error:
            raise MissingModuleError(
                "arrays want numpy, which is not installed: pip install numpy; "
                "Picture.tobytes() does without"
            ) from error
        return numpy.asarray(self._samples)

    def to_pil(self) -> PIL.Image.Image:
        """A copy as a Pillow image: mode L, RGB or RGBA.

        Raises MissingModuleError without Pillow.
        """
        try:
            import PIL.Image
        except ImportError as error:
            raise MissingModuleError(
                "to_pil() wants Pillow, which is not installed: pip install Pillow"
            ) from error
        mode, order = _FORMATS[self.format][2:]
        size = (self.width, self.height)
        return PIL.Image.frombytes(mode, size, self.tobytes(), "raw", order)

    def tobytes(self) -> bytes:
        """A copy of the samples, row by row, nothing between the rows."""
        return self._samples.rows()

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError(
            "a Picture cannot be copied or pickled, but its array (or tobytes()) can"
        )


def _size_of(size: tuple[int, int] | None) -> tuple[int, int]:
    try:
        width, height = size or (0, 0)
    except (TypeError, ValueError):
        raise TypeError(f"size is (width, height), not {size!r}") from None
    return width, height


def _nanoseconds(seconds: float | None) -> int:
    try:
        return round((seconds or 0) * 1_000_000_000)
    except (TypeError, ValueError, OverflowError):  # text, not a number, infinite
        raise ValueError(f"interval is a number of seconds, not {seconds!r}") from None


class PictureReader(Fed[Picture]):
    """For those who own the loop: bytes in, pictures out, as with a Reader.

    Damage, and frames that cannot be decoded, are counted (``stats``), never an
    exception, unless ``strict`` is asked for.  The keywords:

    format:    "rgb24", "bgr24", "rgba", "bgra", "gray"
    size:      (width, height) to scale to; one of them 0: keeps the aspect;
               None: as coded
    track:     the number of the track; None: all video tracks
    every:     every Nth picture of a track
    interval:  seconds: the first picture, then the first that is at least so
               much later
    keyframes: from key frames only
    low_delay: each picture as soon as its frame is there, where the codec
               allows it; otherwise some frames later, but more of them a second
    threads:   that decode; 0: as many as the machine has processors
    max_width, max_height: larger pictures are refused; 0: 16384
    strict, check_crc, other max_...: as with a Reader

    The library decodes without Python's lock: other threads run meanwhile.  One
    thread at a time may use it; any may close() it.
    """

    takes_long = True

    def __init__(
        self,
        *,
        format: str = "rgb24",
        size: tuple[int, int] | None = None,
        track: int | None = None,
        every: int = 1,
        interval: float | None = None,
        keyframes: bool = False,
        low_delay: bool = False,
        threads: int = 0,
        max_width: int = 0,
        max_height: int = 0,
        strict: bool = False,
        check_crc: bool = False,
        max_depth: int = 0,
        max_tracks: int = 0,
        max_tags: int = 0,
        max_value: int = 0,
        max_frame: int = 0,
        max_memory: int = 0,
    ) -> None:
        super().__init__()
        self._library = _library.av()
        if format not in _FORMATS:
            raise ValueError(f"no format {format!r}; there are {', '.join(_FORMATS)}")
        limits = _config.limits(
            max_depth, max_tracks, max_tags, max_value, max_frame, max_memory
        )
        width, height = _size_of(size)
        config = _ffi.PicturesConfig(
            struct_size=ctypes.sizeof(_ffi.PicturesConfig),
            limits=ctypes.pointer(limits),
            reader_flags=_config.reader_flags(
                strict=strict, keyframes=keyframes, check_crc=check_crc
            ),
            format=_FORMATS[format][0],
            flags=_ffi.DECODE_LOW_DELAY if low_delay else 0,
        )
        numbers = {
            "width": width,
            "height": height,
            "threads": threads,
            "max_width": max_width,
            "max_height": max_height,
            "every": every,
        }
        _config.set_numbers(config, numbers)
        if every < 1:
            raise ValueError("every must be at least 1")
        _config.set_numbers(config, {"track_number": track or 0})
        _config.set_numbers(config, {"interval_ns": _nanoseconds(interval)})
        _library.check(
            self._library.kvsp_pictures_new(
                ctypes.byref(self._handle), ctypes.byref(config)
            )
        )
        self._format = format
        self._item = ctypes.POINTER(_ffi.Item)()
        self._picture = ctypes.POINTER(_ffi.Picture)()
        self._fragments: dict[int, Fragment] = {}
        # Of the decoder's threads, once there are any.
        self._process: int | None = None
        self._has_threads = threads != 1

    def feed(self, chunk: bytes | bytearray | memoryview) -> Iterator[Picture]:
        """The pictures that the decoders have with these bytes, before them
        those that were not taken of the bytes before.

        Raises DataError with ``strict``, LimitError (``max_memory``),
        FatalError; RuntimeError in a process that was forked while it decoded:
        threads do not follow a fork."""
        return chain.from_iterable(self.feed_batches(chunk))

    def finish(self) -> Iterator[Picture]:
        """No more bytes come: the pictures that are still in the decoders."""
        return chain.from_iterable(self.finish_batches())

    def _free(self) -> None:
        self._queue.clear()
        if self._handle:
            if not self._is_forked():  # else it waits for ever for its threads
                self._library.kvsp_pictures_free(self._handle)
            self._handle = ctypes.c_void_p()

    @property
    def stats(self) -> dict[str, int]:
        """Counts: frames (of video), frames_sent (to a decoder), pictures,
        damaged, errors (frames that a decoder refused), undecodable (of tracks
        without a decoder), decoders_opened, gaps."""
        stats = _ffi.PicturesStats()
        _library.check(
            self._library.kvsp_pictures_get_stats(
                self._handle, ctypes.byref(stats), ctypes.sizeof(stats)
            )
        )
        return {field[0]: getattr(stats, field[0]) for field in stats._fields_}

    @property
    def message(self) -> str:
        """What a decoder last complained about."""
        message: bytes = self._library.kvsp_pictures_message(self._handle)
        return message.decode("utf-8", "replace")

    # --- the loop ----------------------------------------------------------

    def _check_process(self) -> None:
        if self._is_forked():
            raise RuntimeError(
                "this process was forked while pictures were decoded: threads do "
                "not follow a fork, so read the stream with a new reader"
            )
        if self._has_threads and self._process is None:
            self._process = os.getpid()

    def _is_forked(self) -> bool:
        """Whether the decoder's threads are in another process."""
        return self._process is not None and self._process != os.getpid()

    def _batches(self) -> Iterator[Iterable[Picture]]:
        goes_on = True
        while goes_on:
            picture = None
            with self._lock:
                goes_on = bool(self._handle) and (self._lent or self._lend())
                if goes_on:
                    self._check_process()
                    picture = self._advance()
            if self._closing:
                self.close()
            if picture is not None:
                yield (picture,)

    def _advance(self) -> Picture | None:
        code = self._library.kvsp_pictures_next_item(
            self._handle, ctypes.byref(self._item), ctypes.byref(self._picture)
        )
        if code == _ffi.NEED_INPUT or code == _ffi.END:
            self._lent = False
        elif code < 0:
            info = self._library.kvsp_pictures_error(self._handle).contents
            _library.check(code, info)
        elif self._picture:
            return self._take_picture()
        elif self._item:
            self._take_item(self._item.contents)
        return None

    def _take_picture(self) -> Picture:
        fragment = self._fragments.get(self._picture.contents.fragment_index)
        return Picture(self._library, self._picture, self._format, fragment)

    def _take_item(self, item: Any) -> None:
        if not item.fragment:
            return
        f = item.fragment.contents
        if item.type == _ffi.ITEM_FRAGMENT:
            self._fragments[f.index] = _convert.fragment_of(f)
            if len(self._fragments) > _FRAGMENTS:
                del self._fragments[next(iter(self._fragments))]
            return
        fragment = self._fragments.get(f.index)
        if fragment is None:
            return
        if item.type == _ffi.ITEM_TAGS:
            fragment.tags += _convert.tags_of(item.tags, item.tag_count)
            _convert.update_fragment(fragment, f)
        elif item.type == _ffi.ITEM_FRAGMENT_END:
            _convert.end_fragment(fragment, f)

    def _give(self, address: int | None, length: int, flags: int) -> int:
        give = self._library.kvsp_pictures_input
        return int(give(self._handle, address, length, flags))
