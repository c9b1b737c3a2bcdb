"""Keywords of the public functions into the structs that the library takes."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Mapping

from . import _ffi
from ._convert import TRACK_NUMBERS

TrackChoice = int | str | Iterable[int | str] | None


def set_numbers(struct: ctypes.Structure, numbers: Mapping[str, int]) -> None:
    """Sets fields by their names.  ctypes would cut off what does not fit, and
    -1 would be no limit at all."""
    for name, value in numbers.items():
        before = getattr(struct, name)
        try:
            setattr(struct, name, value)
        except TypeError:
            kind = type(value).__name__
            raise TypeError(f"{name} is an int, not {kind}") from None
        if getattr(struct, name) != value:
            setattr(struct, name, before)
            raise ValueError(f"{name} is out of range: {value}")


def limits(
    max_depth: int,
    max_tracks: int,
    max_tags: int,
    max_value: int,
    max_frame: int,
    max_memory: int,
) -> _ffi.Limits:
    """kvsp_limits; 0 means the library's default."""
    found = _ffi.Limits(struct_size=ctypes.sizeof(_ffi.Limits))
    numbers = {
        "max_depth": max_depth,
        "max_tracks": max_tracks,
        "max_tags": max_tags,
        "max_value": max_value,
        "max_frame": max_frame,
        "max_memory": max_memory,
    }
    set_numbers(found, numbers)
    return found


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
    if isinstance(track, Iterable) and not isinstance(track, (str, bytes)):
        return list(track)
    return [track]  # type: ignore[list-item]


def set_tracks(config: _ffi.ReaderConfig, track: TrackChoice) -> None:
    """Track numbers and types ("video") in a kvsp_reader_config."""
    numbers = []
    for choice in _choices(track):
        if isinstance(choice, int):
            numbers.append(choice)
        elif not isinstance(choice, str):
            kind = type(choice).__name__
            raise TypeError(f"track is a number or a type ('video'), not {kind}")
        elif choice in TRACK_NUMBERS:
            config.track_types |= 1 << TRACK_NUMBERS[choice]
        else:
            known = ", ".join(TRACK_NUMBERS)
            raise ValueError(f"no track type {choice!r}; there are {known}")
    config.tracks = (ctypes.c_uint64 * len(numbers))(*numbers)
    if config.tracks[: len(numbers)] != numbers:
        raise ValueError(f"track is out of range: {track!r}")
    config.track_count = len(numbers)
