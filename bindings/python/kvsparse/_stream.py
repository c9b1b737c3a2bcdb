"""What read(), frames() and pictures() return: iterators over a source."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable, Iterator
from itertools import chain, islice
from typing import Generic, Protocol, TypeVar

from . import _sources

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Feeder(Protocol[T_co]):
    """A Reader or a PictureReader."""

    takes_long: bool

    def feed_batches(self, chunk: bytes) -> Iterator[Iterable[T_co]]: ...

    def finish_batches(self) -> Iterator[Iterable[T_co]]: ...

    def close(self) -> None: ...


class Stream(Generic[T]):
    """Goes over the items of a source, once: ``for``, or ``async for`` where the
    source is asynchronous.

    An item comes out as soon as its last byte was read.  Whoever stops early
    may close() it, or use it in ``with`` (``async with``); otherwise the garbage
    collector frees what it holds.  A file that was given by its path is closed,
    too; any other source is left as it is.
    """

    def __init__(
        self, source: _sources.Source, reader: Feeder[T], read_size: int | None
    ) -> None:
        _sources.check_read_size(read_size)
        self._reader = reader
        self._lock = threading.Lock()  # held by who is in the library
        self._asynchronous = _sources.is_asynchronous(source)
        if self._asynchronous:
            self._pieces = _sources.asynchronous_chunks(source, read_size)
            self._async_items = _run_async(self._pieces, reader, self._lock)
        else:
            self._batches = _run(_sources.chunks(source, read_size), reader)
            # What is nearly all of the work of a loop over small frames is
            # done in C by this.
            self._items = chain.from_iterable(self._batches)

    def __iter__(self) -> Iterator[T]:
        if self._asynchronous:
            raise TypeError("the source is asynchronous: use 'async for'")
        return self._items

    def __next__(self) -> T:
        return next(iter(self))

    def __aiter__(self) -> AsyncIterator[T]:
        if self._asynchronous:
            return self._async_items
        raise TypeError("the source is not asynchronous: use 'for'")

    async def __anext__(self) -> T:
        return await self.__aiter__().__anext__()

    def close(self) -> None:
        """Frees what the library holds; items that were taken stay valid.  Where
        the source is asynchronous, aclose() does the same."""
        if not self._asynchronous:
            self._batches.close()
        with self._lock:
            self._reader.close()

    async def aclose(self) -> None:
        """close() for an asynchronous source."""
        if self._asynchronous:
            await self._async_items.aclose()
        self.close()

    def __enter__(self) -> Stream[T]:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    async def __aenter__(self) -> Stream[T]:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()


def _run(
    pieces: Iterator[bytes], reader: Feeder[T]
) -> Generator[Iterable[T], None, None]:
    try:
        for piece in pieces:
            yield from reader.feed_batches(piece)
        yield from reader.finish_batches()
    finally:
        reader.close()
        if isinstance(pieces, Generator):
            pieces.close()


async def _items_of(
    batches: Iterator[Iterable[T]], in_thread: bool, lock: threading.Lock
) -> AsyncIterator[T]:
    """What takes long, decoding, must not hold up the event loop.  A task that
    is cancelled does not wait for its thread: the lock makes whoever closes the
    reader do so."""

    def next_batch() -> list[Iterable[T]]:
        with lock:
            return list(islice(batches, 1))

    while True:
        found = await asyncio.to_thread(next_batch) if in_thread else next_batch()
        if not found:
            return
        for item in found[0]:
            yield item


async def _run_async(
    pieces: AsyncGenerator[bytes, None], reader: Feeder[T], lock: threading.Lock
) -> AsyncGenerator[T, None]:
    in_thread = reader.takes_long
    try:
        async for piece in pieces:
            async for item in _items_of(reader.feed_batches(piece), in_thread, lock):
                yield item
        async for item in _items_of(reader.finish_batches(), in_thread, lock):
            yield item
    finally:
        with lock:
            reader.close()
        await pieces.aclose()
