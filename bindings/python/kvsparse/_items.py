"""What comes out of a stream.

Everything here is plain Python: it holds nothing of the library's and stays
valid for ever.  What is absent in the stream is None.  Times are nanoseconds;
a ``..._time`` is the same as an aware datetime (UTC, cut to microseconds).
Offsets count bytes from the stream's begin.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Union

from ._times import optional, utc

__all__ = [
    "Addition",
    "Fragment",
    "FragmentEnd",
    "Frame",
    "Gap",
    "Item",
    "Tag",
    "Tags",
    "Targets",
    "Track",
]


@dataclass(frozen=True, slots=True)
class Track:
    """One TrackEntry (RFC 9559, 5.1.4.1)."""

    number: int  #: Blocks name the track by it
    uid: int | None
    type: str  #: "video", "audio", "subtitle"...; else the number as text
    codec_id: str | None  #: "V_MPEG4/ISO/AVC"
    codec_private: bytes  #: empty: absent
    name: str | None
    language: str | None
    width: int | None  #: pixels
    height: int | None
    sample_rate: float | None  #: Hz
    channels: int | None
    bit_depth: int | None
    default_duration_ns: int | None  #: of a frame
    encodings: tuple[str, ...]  #: "header_stripping", "zlib", "other", "encryption"
    #: What an audio track really is, where a tag MimeType corrects the above
    #: (Amazon Connect); else the same.
    audio_codec_id: str | None
    audio_sample_rate: float | None
    audio_channels: int | None
    audio_bit_depth: int | None


@dataclass(frozen=True, slots=True)
class Targets:
    """What a Tag is about (RFC 9559, 5.1.8.1.1)."""

    type_value: int  #: 50 where it is absent
    type: str | None
    track_uids: tuple[int, ...] = ()
    edition_uids: tuple[int, ...] = ()
    chapter_uids: tuple[int, ...] = ()
    attachment_uids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Tag:
    """One SimpleTag (RFC 9559, 5.1.8.1.2)."""

    name: str | None
    value: str | bytes | None  #: bytes: a TagBinary
    targets: Targets | None = None  #: None: the whole Segment
    tags: list[Tag] = field(default_factory=list)  #: those inside it


@dataclass(slots=True, eq=False, repr=False)
class Fragment:
    """A KVS fragment: one Matroska document of the stream.

    Comes before its frames.  What stands behind them in the stream is set when
    it comes: ``continuation_token``, ``millis_behind_now``, further ``tags``,
    and from its end on ``frame_count``, ``size``, ``complete``, ``damaged``,
    ``end_tag``.
    """

    index: int  #: 0 for the first of the stream
    offset: int  #: of its EBML header
    number: str | None  #: the fragment number, decimal digits
    producer_time_ns: int | None  #: Unix epoch
    server_time_ns: int | None  #: Unix epoch
    start_ns: int | None  #: its first Cluster's Timestamp
    gap_ns: int | None  #: to the fragment before; negative: they overlap
    timestamp_scale: int  #: nanoseconds of a tick
    new_tracks: bool  #: tracks are others than before; set on the first one
    discontinuity: bool  #: timecodes went back: a new session
    error_id: int | None  #: AWS_KINESISVIDEO_ERROR_ID
    error_code: str | None
    error_message: str | None
    tracks: tuple[Track, ...]
    tags: list[Tag]  #: those before the first Cluster, then those that came
    continuation_token: str | None = None
    millis_behind_now: int | None = None
    frame_count: int | None = None
    size: int | None = None  #: in bytes
    complete: bool = False  #: both tail tags of GetMedia were there
    damaged: bool = False
    end_tag: bool = False  #: AWS_KINESISVIDEO_END_OF_FRAGMENT was there

    @property
    def producer_time(self) -> datetime | None:
        """Aware, UTC, cut to microseconds; None where it is not told."""
        return utc(self.producer_time_ns)

    @property
    def server_time(self) -> datetime | None:
        """Aware, UTC, cut to microseconds; None where it is not told."""
        return utc(self.server_time_ns)

    def __repr__(self) -> str:
        return (
            f"<Fragment {self.index}: number {self.number}, producer time "
            f"{self.producer_time}, {len(self.tracks)} tracks, {len(self.tags)} tags>"
        )

    def tag(self, name: str) -> str | bytes | None:
        """The value of the last tag with that name so far."""
        for tag in reversed(self.tags):
            if tag.name == name:
                return tag.value
        return None

    def track(self, number: int) -> Track | None:
        """The track with that number."""
        for track in self.tracks:
            if track.number == number:
                return track
        return None


class Addition(NamedTuple):
    """What a BlockMore adds to a block, such as an alpha channel."""

    id: int  #: BlockAddID
    data: bytes


_EXTRAS = 14  # where a frame's record has its codec state and additions


class Frame:
    """One frame of one track."""

    # What is asked for of nearly every frame; the rest waits in _record, which
    # is a FRAME_RECORD of _ffi.py, and _EXTRAS where it has some.
    __slots__ = ("_record", "data", "flags", "fragment", "pts_ns", "size", "track")

    data: bytes  #: memoryview with ``copy=False``; empty with ``data=False``
    track: Track
    fragment: Fragment
    pts_ns: int | None  #: (Cluster + Block timecode) * TimestampScale
    size: int  #: bytes as stored, also with ``data=False``
    flags: int  #: see key, invisible, discardable, encrypted, compressed
    _record: tuple[Any, ...]

    def __repr__(self) -> str:
        return (
            f"<Frame {self.index} of fragment {self.fragment.index}: track "
            f"{self.track.number}, {self.size} bytes, pts {self.pts_ns} ns"
            f"{', key' if self.key else ''}>"
        )

    @property
    def index(self) -> int:
        """In the fragment, from 0."""
        return int(self._record[5])

    @property
    def producer_time_ns(self) -> int | None:
        """Unix epoch; None where it is not told."""
        return optional(self._record[7])

    @property
    def duration_ns(self) -> int | None:
        """The block's, or the track's default; None where neither is told."""
        return optional(self._record[8])

    @property
    def offset(self) -> int:
        """Of its first byte in the stream."""
        return int(self._record[3])

    @property
    def lacing(self) -> str:
        """How its block holds several frames: "none", "xiph", "fixed", "ebml"."""
        return ("none", "xiph", "fixed", "ebml")[self._record[11]]

    @property
    def lace_index(self) -> int:
        """Its place in the lace, from 0."""
        return int(self._record[12])

    @property
    def lace_count(self) -> int:
        """1 without lacing."""
        return int(self._record[13])

    @property
    def discard_padding_ns(self) -> int:
        """0: none."""
        return int(self._record[9])

    @property
    def codec_state(self) -> bytes | None:
        """Replaces the codec private data from here on."""
        return self._record[_EXTRAS][0] if len(self._record) > _EXTRAS else None

    @property
    def additions(self) -> tuple[Addition, ...]:
        """What the BlockAdditions of its block hold."""
        if len(self._record) <= _EXTRAS:
            return ()
        found: tuple[Addition, ...] = self._record[_EXTRAS][1]
        return found

    @property
    def key(self) -> bool:
        """Decodes without earlier frames."""
        return bool(self.flags & 1)

    @property
    def invisible(self) -> bool:
        """To be decoded, not to be shown."""
        return bool(self.flags & 2)

    @property
    def discardable(self) -> bool:
        """No other frame needs it."""
        return bool(self.flags & 4)

    @property
    def encrypted(self) -> bool:
        """data is encrypted."""
        return bool(self.flags & 8)

    @property
    def compressed(self) -> bool:
        """data is compressed, as the track's encodings say."""
        return bool(self.flags & 16)

    @property
    def producer_time(self) -> datetime | None:
        """Aware, UTC, cut to microseconds; None where it is not told."""
        return utc(self.producer_time_ns)


@dataclass(frozen=True, slots=True, eq=False)
class Tags:
    """A Tags element behind the fragment's first Cluster."""

    fragment: Fragment
    tags: list[Tag]

    def __iter__(self) -> Iterator[Tag]:
        return iter(self.tags)


@dataclass(frozen=True, slots=True, eq=False)
class FragmentEnd:
    """The fragment is over; what is known of it now stands in it."""

    fragment: Fragment

    @property
    def complete(self) -> bool:
        """The service sent all of it; a resume point may move to it."""
        return self.fragment.complete

    @property
    def damaged(self) -> bool:
        """Bytes of it made no sense or are missing."""
        return self.fragment.damaged

    @property
    def continuation_token(self) -> str | None:
        """For GetMedia's StartSelector."""
        return self.fragment.continuation_token


@dataclass(frozen=True, slots=True, eq=False)
class Gap:
    """Bytes that made no sense, or are beyond a limit, and were left out."""

    fragment: Fragment | None  #: None: outside of any
    start: int  #: offset of the first byte
    end: int  #: offset behind the last byte
    code: int  #: the status it is, as in :class:`kvsparse.Error`
    reason: str
    element_id: int | None
    frames_lost: int | None  #: None: unknown
    fragments_affected: int


Item = Union[Fragment, Frame, Tags, FragmentEnd, Gap]
