"""The structs of _ffi.py are those of the headers."""

from __future__ import annotations

import ctypes
import struct

import pytest
from conftest import TOP, run
from kvsparse import _ffi, _library

STRUCTS = {**_ffi.CORE_STRUCTS, **_ffi.AV_STRUCTS, **_ffi.OTHER_STRUCTS}


def declared() -> list[str]:
    """As print_layout prints it."""
    lines = []
    for name, type in STRUCTS.items():
        lines.append(f"struct {name} {ctypes.sizeof(type)}")
        for field in type._fields_:
            place = getattr(type, field[0])
            lines.append(f"{name} {field[0].rstrip('_')} {place.offset} {place.size}")
    return lines


def test_each_field_is_where_the_compiler_puts_it() -> None:
    program = TOP / "bindings" / "python" / "tests" / "print_layout"
    if not program.exists():
        pytest.skip("print_layout was not built")
    assert run(program).stdout.decode().splitlines() == declared()


@pytest.mark.parametrize("name", _ffi.CORE_STRUCTS)
def test_sizes_of_the_library(name: str) -> None:
    size = _library.core().kvsp_sizeof(name.encode())
    assert size == ctypes.sizeof(_ffi.CORE_STRUCTS[name])


@pytest.mark.parametrize("name", _ffi.AV_STRUCTS)
def test_sizes_of_the_decoding_library(name: str, decodes: None) -> None:
    size = _library.av().kvsp_av_sizeof(name.encode())
    assert size == ctypes.sizeof(_ffi.AV_STRUCTS[name])


def test_the_record_reads_each_field() -> None:
    """An array of frames read by struct is what ctypes says it is."""
    frame = _ffi.Frame()
    numbers = iter(range(1, 100))
    expected = []
    for name, _ in _ffi.Frame._fields_:
        if name in ("data", "codec_state"):
            view = getattr(frame, name)
            view.data, view.len = next(numbers), next(numbers)
            expected += [view.data, view.len] if name == "data" else []
        elif name in ("track", "fragment", "additions"):
            number = next(numbers)
            address = ctypes.addressof(frame) + getattr(_ffi.Frame, name).offset
            ctypes.c_void_p.from_address(address).value = number
            expected += [number] if name == "track" else []
        else:
            sign = -1 if name.endswith("_ns") else 1  # these may be negative
            setattr(frame, name, sign * next(numbers))
            if name not in ("owner", "addition_count"):
                expected.append(getattr(frame, name))
    record = struct.Struct(_ffi.FRAME_RECORD)
    assert record.size == ctypes.sizeof(_ffi.Frame)
    assert list(record.unpack(bytes(frame))) == expected
