"""Where the bytes of a stream come from, as pieces of bytes.

A piece comes out when it is there: whoever reads ahead delays frames.  So files
and pipes are asked for what they have (``read1``, or an unbuffered ``read``),
and what can only be asked for a whole number of bytes is asked for few.
"""

from __future__ import annotations

import inspect
import io
import os
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Iterator, Mapping
from typing import Any, Union

#: What :func:`kvsparse.read` takes.
Source = Union[
    bytes,
    bytearray,
    memoryview,
    str,
    "os.PathLike[str]",
    io.IOBase,
    Iterable[bytes],
    AsyncIterable[bytes],
    Any,  # whatever has read(size), such as boto3's StreamingBody
]

_READ_SIZE = 1 << 16
_FILE_READ_SIZE = 1 << 18
_SLOW_READ_SIZE = 1 << 10  # where read() waits until it has that many


def is_asynchronous(source: Any) -> bool:
    """Whether it wants ``async for``."""
    return hasattr(source, "__aiter__") or _is_coroutine_reader(source)


def _is_coroutine_reader(source: Any) -> bool:
    return inspect.iscoroutinefunction(getattr(source, "read", None))


def _read1_of(source: Any) -> Callable[[int], bytes] | None:
    """A method that returns what is there, waiting for the first byte only."""
    if isinstance(source, io.TextIOBase):
        raise TypeError("the source gives text: open the file in mode 'rb'")
    read1: Callable[[int], bytes] | None = getattr(source, "read1", None)
    if read1 is not None:
        return read1
    if isinstance(source, io.RawIOBase):
        read: Callable[[int], bytes] = source.read  # type: ignore[assignment]
        return read
    receive: Callable[[int], bytes] | None = getattr(source, "recv", None)
    return receive


def _wrapped(source: Any) -> Iterator[Any]:
    """The source, then what it only wraps: botocore's StreamingBody has an
    urllib3 response, which has one of http.client, whose chunks come as they
    are sent.  An encoded body is for urllib3 to decode."""
    yield source
    raw = getattr(source, "_raw_stream", None)
    for response in (raw, source):
        inner = getattr(response, "_fp", None)
        headers = getattr(response, "headers", None)
        if inner is None or headers is None or headers.get("content-encoding"):
            continue
        yield inner


def _fast_reader(source: Any) -> Callable[[int], bytes] | None:
    for candidate in _wrapped(source):
        read1 = _read1_of(candidate)
        if read1 is not None:
            return read1
    return None


def _pieces(read: Callable[[int], bytes], size: int) -> Iterator[bytes]:
    while True:
        piece = read(size)
        if piece is None:
            raise BlockingIOError("the source is in non-blocking mode: feed a Reader")
        if not piece:
            return
        yield piece


def _file_pieces(path: Any, size: int) -> Iterator[bytes]:
    with open(path, "rb", buffering=0) as file:
        yield from _pieces(file.read, size)


def _of_iterable(source: Iterable[bytes]) -> Iterator[bytes]:
    """Closing this one leaves a generator of the caller's as it is."""
    for piece in source:  # "yield from" would close it
        yield piece


def check_read_size(read_size: int | None) -> None:
    if read_size is not None and read_size < 1:
        raise ValueError("read_size must be at least 1")


def chunks(source: Any, read_size: int | None) -> Iterator[bytes]:
    """The source's bytes, in the pieces that they come in."""
    check_read_size(read_size)
    if isinstance(source, bytes):
        return iter((source,))
    if isinstance(source, (bytearray, memoryview)):
        return iter((bytes(source),))
    if isinstance(source, str) and source.startswith("kvs://"):
        raise ValueError(
            "live streams by name are for the program kvsparse: a source is what "
            'boto3\'s get_media gives, response["Payload"]'
        )
    if isinstance(source, (str, os.PathLike)):
        return _file_pieces(source, read_size or _FILE_READ_SIZE)
    read = _fast_reader(source)
    if read is not None:
        return _pieces(read, read_size or _READ_SIZE)
    read = getattr(source, "read", None)
    if read is not None:
        return _pieces(read, read_size or _SLOW_READ_SIZE)
    if isinstance(source, Mapping):
        raise TypeError(
            "a source is bytes, a path, a binary file or an iterable of bytes; of "
            'a response of boto3\'s that is response["Payload"]'
        )
    if isinstance(source, Iterable):
        return _of_iterable(source)
    raise TypeError(
        "a source is bytes, a path, a binary file or an iterable of bytes, not "
        f"{type(source).__name__}"
    )


async def asynchronous_chunks(
    source: Any, read_size: int | None
) -> AsyncGenerator[bytes, None]:
    """The same for ``async for``."""
    if _is_coroutine_reader(source):
        piece = await source.read(read_size or _READ_SIZE)
        while piece:
            yield piece
            piece = await source.read(read_size or _READ_SIZE)
    else:
        async for piece in source:
            yield piece
