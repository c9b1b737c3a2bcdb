"""Keywords of the public functions into the structs that the library takes."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable

from . import _ffi
from ._convert import TRACK_NUMBERS

TrackChoice = int | str | Iterable[int | str] | None


def limits(
    max_depth: int,
    max_tracks: int,
    max_tags: int,
    max_value: int,
    max_frame: int,
    max_memory: int,
) -> _ffi.Limits:
    """kvsp_limits; 0 means the library's default."""
    return _ffi.Limits(
        struct_size=ctypes.sizeof(_ffi.Limits),
        max_depth=max_depth,
        max_tracks=max_tracks,
        max_tags=max_tags,
        max_value=max_value,
        max_frame=max_frame,
        max_memory=max_memory,
    )


def reader_flags(
    *,
    strict: bool,
    keyframes: bool,
    check_crc: bool,
    data: bool = True,
    decompress: bool = False,
) -> int:
    """KVSP_READ_*."""
    flags = 0
    flags |= _ffi.READ_STRICT if strict else 0
    flags |= _ffi.READ_KEY_FRAMES if keyframes else 0
    flags |= _ffi.READ_CHECK_CRC if check_crc else 0
    flags |= 0 if data else _ffi.READ_NO_DATA
    flags |= _ffi.READ_DECOMPRESS if decompress else 0
    return flags


def _choices(track: TrackChoice) -> list[int | str]:
    if track is None:
        return []
    return [track] if isinstance(track, (int, str)) else list(track)


def set_tracks(config: _ffi.ReaderConfig, track: TrackChoice) -> None:
    """Track numbers and types ("video") in a kvsp_reader_config."""
    numbers = []
    for choice in _choices(track):
        if isinstance(choice, int):
            numbers.append(choice)
        elif choice in TRACK_NUMBERS:
            config.track_types |= 1 << TRACK_NUMBERS[choice]
        else:
            known = ", ".join(TRACK_NUMBERS)
            raise ValueError(f"no track type {choice!r}; there are {known}")
    config.tracks = (ctypes.c_uint64 * len(numbers))(*numbers)
    config.track_count = len(numbers)
