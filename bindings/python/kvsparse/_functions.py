"""read(), frames(), pictures(): a source's items in one line."""

from __future__ import annotations

from typing import cast

from ._config import TrackChoice
from ._items import Frame, Item
from ._pictures import Picture, PictureReader
from ._reader import Reader
from ._sources import Source
from ._stream import Feeder, Stream

__all__ = ["frames", "pictures", "read"]


def read(
    source: Source,
    *,
    track: TrackChoice = None,
    strict: bool = False,
    keyframes: bool = False,
    data: bool = True,
    check_crc: bool = False,
    decompress: bool = False,
    copy: bool = True,
    read_size: int | None = None,
    max_depth: int = 0,
    max_tracks: int = 0,
    max_tags: int = 0,
    max_value: int = 0,
    max_frame: int = 0,
    max_memory: int = 0,
) -> Stream[Item]:
    """All that is in a stream: Fragment, Frame, Tags, FragmentEnd, Gap.

    source: bytes, a path, a binary file or socket, what has ``read(size)``
            (boto3's ``response["Payload"]``), an iterable of bytes; for ``async
            for``: an asynchronous iterable of bytes, or what has a coroutine
            ``read(size)``
    read_size: bytes to ask a file for at most; None: as suits it
    The others are those of a :class:`Reader`, as are the errors.
    """
    reader = Reader(
        track=track,
        strict=strict,
        keyframes=keyframes,
        data=data,
        check_crc=check_crc,
        decompress=decompress,
        copy=copy,
        max_depth=max_depth,
        max_tracks=max_tracks,
        max_tags=max_tags,
        max_value=max_value,
        max_frame=max_frame,
        max_memory=max_memory,
    )
    return Stream(source, reader, read_size)


def frames(
    source: Source,
    *,
    track: TrackChoice = None,
    strict: bool = False,
    keyframes: bool = False,
    data: bool = True,
    check_crc: bool = False,
    decompress: bool = False,
    copy: bool = True,
    read_size: int | None = None,
    max_depth: int = 0,
    max_tracks: int = 0,
    max_tags: int = 0,
    max_value: int = 0,
    max_frame: int = 0,
    max_memory: int = 0,
) -> Stream[Frame]:
    """The frames of a stream, as :func:`read` gives them, and nothing else.

    track: a number, a type ("video", "audio"), several of them; None: all
    """
    reader = Reader(
        frames_only=True,
        track=track,
        strict=strict,
        keyframes=keyframes,
        data=data,
        check_crc=check_crc,
        decompress=decompress,
        copy=copy,
        max_depth=max_depth,
        max_tracks=max_tracks,
        max_tags=max_tags,
        max_value=max_value,
        max_frame=max_frame,
        max_memory=max_memory,
    )
    return Stream(source, cast("Feeder[Frame]", reader), read_size)


def pictures(
    source: Source,
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
    read_size: int | None = None,
    max_depth: int = 0,
    max_tracks: int = 0,
    max_tags: int = 0,
    max_value: int = 0,
    max_frame: int = 0,
    max_memory: int = 0,
) -> Stream[Picture]:
    """The decoded pictures of a stream.

    source: as for :func:`read`
    The others are those of a :class:`PictureReader`, as are the errors.  Raises
    LibraryError where libkvsparse-av is missing.
    """
    reader = PictureReader(
        format=format,
        size=size,
        track=track,
        every=every,
        interval=interval,
        keyframes=keyframes,
        low_delay=low_delay,
        threads=threads,
        max_width=max_width,
        max_height=max_height,
        strict=strict,
        check_crc=check_crc,
        max_depth=max_depth,
        max_tracks=max_tracks,
        max_tags=max_tags,
        max_value=max_value,
        max_frame=max_frame,
        max_memory=max_memory,
    )
    return Stream(source, reader, read_size)
