"""extract() and extracted(): one track as an elementary stream."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from . import _config, _convert, _ffi, _library, _sources
from ._output import Output, Target, names_several
from ._pieces import Collector, Piece
from ._raw_items import RawItems
from ._sources import Source
from ._stream import Stream
from ._times import TIME_NONE, utc
from .errors import ArgumentError

__all__ = ["Extract", "ExtractResult", "extract", "extracted"]

_FORMATS = {"raw": 0, "annexb": 1, "adts": 2, "jpeg": 3, "pcm": 4, "wav": 4}
_BY_CODEC = {
    "V_MPEG4/ISO/AVC": "annexb",
    "V_MPEGH/ISO/HEVC": "annexb",
    "A_AAC": "adts",
    "V_MJPEG": "jpeg",
}
_UNSUPPORTED = -4  # KVSP_ERR_UNSUPPORTED
_CODEC = -400  # KVSP_ERR_CODEC
_NOT_PLAIN = 8 | 16  # KVSP_FRAME_ENCRYPTED, KVSP_FRAME_COMPRESSED


@dataclass(frozen=True, slots=True)
class Extract:
    """What came out of one frame."""

    data: bytes
    pts_ns: int | None  #: of the frame; of the first sample
    producer_time_ns: int | None  #: of the frame it came out of; Unix epoch
    key: bool
    sample_rate: int | None  #: Hz, of "pcm"
    channels: int | None

    @property
    def producer_time(self) -> datetime | None:
        """Aware, UTC, cut to microseconds."""
        return utc(self.producer_time_ns)


@dataclass(frozen=True, slots=True)
class ExtractResult:
    """What extract() did."""

    files: tuple[Path, ...]  #: written; empty where the output is a file object
    track: int | None  #: its number; None: nothing was found
    format: str | None
    frames: int
    frames_left: int  #: nothing could be made of them
    bytes: int
    gaps: int  #: damaged places of the stream


def _codec_of(track: Any) -> str:
    """What it really is: see Track.audio_codec_id."""
    return (
        _convert.text_of(track.audio_codec_id)
        or _convert.text_of(track.codec_id)
        or ""
    )


def _format_for(codec: str) -> str:
    """A_AAC/MPEG4/LC is A_AAC with the profile in its name."""
    return _BY_CODEC.get(codec.partition("/MPEG")[0], "raw")


def _plain_sound(track: Any) -> tuple[int, int] | None:
    """Hz and channels of what is "pcm" as it is; those that Matroska means where
    the track tells none."""
    plain = _codec_of(track) == "A_PCM/INT/LIT" and track.audio_bit_depth in (0, 16)
    if not plain:
        return None
    return round(track.audio_sample_rate) or 8000, track.audio_channels or 1


class Extractor:
    """Bytes in, extracts out; owns a kvsp_extractor."""

    takes_long = True  # for _stream: sound is decoded

    def __init__(
        self,
        *,
        track: int | str | None,
        format: str | None,
        reader_flags: int,
        limits: _ffi.Limits,
    ) -> None:
        if format is not None and format not in _FORMATS:
            raise ValueError(f"no format {format!r}; there are {', '.join(_FORMATS)}")
        self._handle = ctypes.c_void_p()
        self._library = _library.av()
        self._collector = Collector()
        self._callback = self._collector.callback("kvsp_collect_extract")
        self._items = RawItems(flags=reader_flags, limits=limits, track=track)
        self._chosen = track is not None
        self._wanted = format
        self._unfit: set[int] = set()
        self._refused: ArgumentError | None = None
        self._sound: tuple[int, int] | None = None  # of what is not decoded
        self.track: int | None = None
        self.format: str | None = None
        self.frames = self.frames_left = self.gaps = 0

    def feed_batches(self, chunk: bytes) -> Iterator[list[Extract]]:
        for item in self._items.feed(chunk):
            yield self._take(item.contents)

    def finish_batches(self) -> Iterator[list[Extract]]:
        for item in self._items.finish():
            yield self._take(item.contents)
        if self._handle:
            yield self._send(None, TIME_NONE)
        elif self._refused:
            raise self._refused

    def close(self) -> None:
        if self._handle:
            self._library.kvsp_extractor_free(self._handle)
            self._handle = ctypes.c_void_p()
        self._items.close()
        self._collector.close()

    def __del__(self) -> None:
        if getattr(self, "_items", None):
            self.close()

    def _take(self, item: Any) -> list[Extract]:
        if item.type == _ffi.ITEM_GAP:
            self.gaps += 1
        if item.type != _ffi.ITEM_FRAME:
            return []
        frame = item.frame.contents
        number = frame.track.contents.number
        if not self._handle and not self._open(frame.track, number):
            return []
        if number != self.track:
            return []
        if frame.flags & _NOT_PLAIN:
            self.frames_left += 1
            return []
        return self._send(item.frame, frame.producer_time_ns)

    def _open(self, track: Any, number: int) -> bool:
        """Whether it is this track: the first one that the format can hold."""
        if number in self._unfit:
            return False
        name = self._wanted or _format_for(_codec_of(track.contents))
        self._sound = None if name not in ("pcm", "wav") else _plain_sound(track.contents)
        config = _ffi.ExtractorConfig(
            struct_size=ctypes.sizeof(_ffi.ExtractorConfig),
            format=_FORMATS["raw" if self._sound else name],
        )
        code = self._library.kvsp_extractor_new(
            ctypes.byref(self._handle), track, ctypes.byref(config)
        )
        if code == _UNSUPPORTED:
            codec = _codec_of(track.contents) or "no codec"
            self._refused = ArgumentError(
                code,
                "KVSP_ERR_UNSUPPORTED",
                f"track {number} has {codec}, which cannot be extracted as {name}",
            )
            if self._chosen:
                raise self._refused
            self._unfit.add(number)
            return False
        _library.check(code)
        self.track, self.format = number, name
        return True

    def _send(self, frame: Any, producer_time_ns: int) -> list[Extract]:
        code = self._library.kvsp_extractor_send(
            self._handle, frame, self._callback, self._collector.handle
        )
        pieces = list(self._collector.take())
        if frame is not None:
            self.frames += code == _ffi.OK
            self.frames_left += code == _CODEC
        if code < 0 and code != _CODEC:
            self._fail(code)
        time = None if producer_time_ns == TIME_NONE else producer_time_ns
        return [_extract_of(piece, time, self._sound) for piece in pieces]

    def _fail(self, code: int) -> None:
        message = self._library.kvsp_extractor_message(self._handle)
        if code == _UNSUPPORTED and message:
            text = message.decode("utf-8", "replace")
            raise ArgumentError(code, "KVSP_ERR_UNSUPPORTED", text)
        _library.check(code)


def _extract_of(
    piece: Piece, producer_time_ns: int | None, sound: tuple[int, int] | None
) -> Extract:
    rate, channels = sound or (piece.sample_rate, piece.channels)
    return Extract(
        data=piece.data,
        pts_ns=None if piece.pts_ns == TIME_NONE else piece.pts_ns,
        producer_time_ns=producer_time_ns,
        key=bool(piece.flags & 1),
        sample_rate=rate or None,
        channels=channels or None,
    )


def extracted(
    source: Source,
    *,
    track: int | str | None = None,
    format: str | None = None,
    strict: bool = False,
    check_crc: bool = False,
    read_size: int | None = None,
    max_depth: int = 0,
    max_tracks: int = 0,
    max_tags: int = 0,
    max_value: int = 0,
    max_frame: int = 0,
    max_memory: int = 0,
) -> Stream[Extract]:
    """extract(), frame by frame, the moment each has come: their ``data``, one
    behind the other, is the elementary stream ("wav": as "pcm")."""
    extractor = _extractor(
        track,
        format,
        strict,
        check_crc,
        _config.limits(
            max_depth, max_tracks, max_tags, max_value, max_frame, max_memory
        ),
    )
    return Stream(source, extractor, read_size)


def _extractor(
    track: int | str | None,
    format: str | None,
    strict: bool,
    check_crc: bool,
    limits: _ffi.Limits,
) -> Extractor:
    flags = _config.reader_flags(
        strict=strict, keyframes=False, check_crc=check_crc, decompress=True
    )
    return Extractor(track=track, format=format, reader_flags=flags, limits=limits)


def wav_header(rate: int, channels: int, size: int) -> bytes:
    """Of 16 bit samples; size in bytes, cut where a WAV file cannot tell it."""
    size = min(size, 0xFFFFFFFF - 36)
    second = rate * channels * 2
    kind = struct.pack("<IHHIIHH", 16, 1, channels, rate, second, channels * 2, 16)
    riff = b"RIFF" + struct.pack("<I", size + 36) + b"WAVEfmt " + kind
    return riff + b"data" + struct.pack("<I", size)


class _Writing:
    """Extracts into files."""

    def __init__(self, output: Output, several: bool, wav: bool) -> None:
        self._output = output
        self._several = several
        self._wav = wav
        self._sound: tuple[int, int] | None = None  # rate and channels
        self._count = 0
        self.bytes = 0

    def take(self, extract: Extract) -> None:
        if self._several or not self._output.is_open:
            self._output.begin({"i": f"{self._count:05d}"} if self._several else {})
        if self._wav:
            self._check_sound(extract)
        self._output.write(extract.data)
        self.bytes += len(extract.data)
        self._count += 1

    def _check_sound(self, extract: Extract) -> None:
        sound = (extract.sample_rate or 0, extract.channels or 0)
        if self._sound is None:
            self._sound = sound
            self._output.write(wav_header(*sound, 0))
        elif sound != self._sound:
            raise ArgumentError(
                _UNSUPPORTED,
                "KVSP_ERR_UNSUPPORTED",
                f"from {self._sound} to {sound} Hz and channels: a WAV file cannot "
                "hold that",
            )

    def end(self) -> None:
        if self._wav and self._sound:
            self._output.write_at(0, wav_header(*self._sound, self.bytes))


def extract(
    source: Source,
    output: Target,
    *,
    track: int | str | None = None,
    format: str | None = None,
    strict: bool = False,
    check_crc: bool = False,
    read_size: int | None = None,
    max_depth: int = 0,
    max_tracks: int = 0,
    max_tags: int = 0,
    max_value: int = 0,
    max_frame: int = 0,
    max_memory: int = 0,
) -> ExtractResult:
    """Writes one track as an elementary stream: what decoders and players take
    without Matroska around it.

    source: as for :func:`kvsparse.read`, but not asynchronous (use extracted())
    output: a path, which gets its name when the file is whole, and is then
            replaced; or a binary file, to which each frame goes at once.  With
            %i in its name there is a file for each frame
    track:  its number or its type ("audio"); None: the first that the format
            can hold
    format: "annexb" (H.264, H.265 with start codes), "adts" (AAC), "jpeg",
            "pcm" (any sound, decoded to 16 bit), "wav" (the same behind a
            header: the output must be able to seek), "raw" (frames as they
            are); None: annexb, adts, jpeg where they fit, else raw
    The others are those of a :class:`kvsparse.Reader`.

    Sound is written as it comes, one frame behind the other: ``kvsparse
    extract`` fills what is missing with silence, this does not.  Where there is
    nothing to be extracted nothing is written.  What goes wrong, also in the
    source or the output, is raised as it is; of the file that was being written
    nothing is left then.  Raises LibraryError where libkvsparse-av is missing,
    ArgumentError (KVSP_ERR_UNSUPPORTED) where the format cannot hold the
    track's codec, or that changes; DataError, LimitError, FatalError,
    ValueError, OSError.
    """
    if _sources.is_asynchronous(source):
        raise TypeError("the source is asynchronous: use 'async for' with extracted()")
    several = names_several(output, "i")
    if several and format == "wav":
        raise ValueError("a WAV file for each frame makes no sense")
    written = Output(output, seeks=format == "wav")
    extractor = _extractor(
        track,
        format,
        strict,
        check_crc,
        _config.limits(
            max_depth, max_tracks, max_tags, max_value, max_frame, max_memory
        ),
    )
    writing = _Writing(written, several, format == "wav")
    try:
        for piece in Stream(source, extractor, read_size):
            writing.take(piece)
            written.flush()
        writing.end()
        written.close(well=True)
    finally:
        written.close(well=False)
        extractor.close()
    return ExtractResult(
        files=tuple(written.paths),
        track=extractor.track,
        format="wav" if format == "wav" and extractor.format else extractor.format,
        frames=extractor.frames,
        frames_left=extractor.frames_left,
        bytes=writing.bytes,
        gaps=extractor.gaps,
    )
