"""Every kind of source gives the same, and gives it at once."""

from __future__ import annotations

import asyncio
import http.client
import http.server
import io
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import kvsparse


@pytest.fixture(scope="module")
def data(call: Path) -> bytes:
    return call.read_bytes()[:300_000]


@pytest.fixture(scope="module")
def expected(data: bytes) -> list[int]:
    return [frame.offset for frame in kvsparse.frames(data)]


def offsets(source: Any, **options: Any) -> list[int]:
    return [frame.offset for frame in kvsparse.frames(source, **options)]


class StreamingBody:
    """What boto3 gives as response["Payload"], as far as one looks at it."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def read(self, amt: int | None = None) -> bytes:
        return self._file.read(amt)


SOURCES: dict[str, Callable[[bytes], Any]] = {
    "bytes": lambda data: data,
    "bytearray": bytearray,
    "memoryview": memoryview,
    "a slice": lambda data: memoryview(b"xx" + data)[2:],
    "BytesIO": io.BytesIO,
    "BufferedReader": lambda data: io.BufferedReader(io.BytesIO(data)),  # type: ignore
    "list": lambda data: [data[i : i + 777] for i in range(0, len(data), 777)],
    "generator": lambda data: (data[i : i + 99] for i in range(0, len(data), 99)),
    "of bytearrays": lambda data: (bytearray(data[i : i + 999]) for i in range(0, len(data), 999)),
    "with empty pieces": lambda data: [b"", data[:1000], b"", data[1000:], b""],
    "read(amt)": StreamingBody,
}


@pytest.mark.parametrize("kind", SOURCES)
def test_each_kind(kind: str, data: bytes, expected: list[int]) -> None:
    assert offsets(SOURCES[kind](data)) == expected


def test_paths(tmp_path: Path, data: bytes, expected: list[int]) -> None:
    path = tmp_path / "stream.mkv"
    path.write_bytes(data)
    assert offsets(path) == expected
    assert offsets(str(path)) == expected
    assert offsets(path, read_size=100) == expected
    with open(path, "rb") as file:
        assert offsets(file) == expected
    with open(path, "rb", buffering=0) as file:
        assert offsets(file) == expected
    with pytest.raises(ValueError, match="live streams by name"):
        kvsparse.read("kvs://door")
    with pytest.raises(FileNotFoundError):
        offsets(tmp_path / "none")


def test_botocore(data: bytes, expected: list[int]) -> None:
    response = pytest.importorskip("botocore.response")
    body = response.StreamingBody(io.BytesIO(data), len(data))
    assert offsets(body) == expected


@pytest.mark.parametrize("source", [7, None, object()])
def test_what_is_no_source(source: Any) -> None:
    with pytest.raises(TypeError, match="a source is"):
        list(kvsparse.read(source))


def test_a_response_as_a_whole_is_no_source() -> None:
    with pytest.raises(TypeError, match="Payload"):
        kvsparse.read({"Payload": io.BytesIO(b"")})


def test_text_is_no_source() -> None:
    with pytest.raises(TypeError, match="mode 'rb'"):
        list(kvsparse.read(io.StringIO("text")))
    with pytest.raises(TypeError):
        list(kvsparse.read(["text"]))


def test_errors_of_the_source_come_through(data: bytes) -> None:
    def broken() -> Iterator[bytes]:
        yield data[:10_000]
        raise ConnectionResetError("gone")

    seen = 0
    with pytest.raises(ConnectionResetError):
        for _ in kvsparse.frames(broken()):
            seen += 1
    assert seen > 10


def test_a_path_s_file_is_closed(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "stream.mkv"
    path.write_bytes(data)
    folder = Path("/proc/self/fd")
    if not folder.exists():
        pytest.skip("no /proc")
    before = len(os.listdir(folder))
    for leave in ("close", "forget", "with"):
        stream = kvsparse.frames(path)
        next(stream)
        assert len(os.listdir(folder)) == before + 1
        if leave == "close":
            stream.close()
        elif leave == "with":
            with stream:
                pass
        else:
            del stream
        assert len(os.listdir(folder)) == before, leave


# --- at once ----------------------------------------------------------------


def split(data: bytes) -> tuple[list[bytes], list[int]]:
    """Pieces that each end where a frame does, and how many frames each has."""
    frames = list(kvsparse.frames(data))[:60]
    ends = [frame.offset + frame.size for frame in frames]
    cuts = [ends[9], ends[10], ends[39], ends[59]]
    pieces = [data[a:b] for a, b in zip([0, *cuts], cuts)]
    return pieces, [10, 1, 29, 20]


def paced(send: Callable[[bytes], object], data: bytes, seen: list[int]) -> str:
    """Sends a piece when all frames of the piece before were seen: who reads
    ahead never gets further.  Empty when all went well."""
    wanted = 0
    for piece, count in zip(*split(data)):
        send(piece)
        wanted += count
        for _ in range(1000):
            if len(seen) >= wanted:
                break
            time.sleep(0.01)
        if len(seen) != wanted:
            return f"{len(seen)} frames of {wanted} after a piece"
    return ""


def check_paced(
    source: Any, send: Callable[[bytes], object], end: Callable[[], object], data: bytes
) -> None:
    seen: list[int] = []

    def consume() -> None:
        for frame in kvsparse.frames(source):
            seen.append(frame.offset)

    thread = threading.Thread(target=consume, daemon=True)
    thread.start()
    problem = paced(send, data, seen)
    end()
    thread.join(20)
    assert problem == ""


@pytest.mark.parametrize("buffering", [-1, 0])
def test_a_pipe_is_not_read_ahead(data: bytes, buffering: int) -> None:
    out, into = os.pipe()
    file = os.fdopen(out, "rb", buffering)
    writer = os.fdopen(into, "wb", 0)
    check_paced(file, writer.write, writer.close, data)
    file.close()


def test_a_named_pipe_is_not_read_ahead(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    into: list[Any] = []

    def send(piece: bytes) -> None:
        if not into:
            into.append(open(path, "wb", 0))
        into[0].write(piece)

    check_paced(path, send, lambda: into[0].close(), data)


def test_a_program_s_output_is_not_read_ahead(data: bytes) -> None:
    program = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert program.stdin and program.stdout
    stdin = program.stdin

    def send(piece: bytes) -> None:
        stdin.write(piece)
        stdin.flush()

    check_paced(program.stdout, send, stdin.close, data)
    program.stdout.close()
    program.wait()


@pytest.mark.parametrize("kind", ["socket", "makefile"])
def test_a_socket_is_not_read_ahead(data: bytes, kind: str) -> None:
    near, far = socket.socketpair()
    source: Any = near if kind == "socket" else near.makefile("rb")
    check_paced(source, far.sendall, lambda: far.close(), data)
    near.close()


class Paced(http.server.BaseHTTPRequestHandler):
    """Sends what it is told to, as chunks."""

    protocol_version = "HTTP/1.1"
    ready: threading.Event
    handler: Any = None

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        type(self).handler = self
        type(self).ready.set()
        type(self).done.wait(60)

    done: threading.Event

    def log_message(self, *arguments: Any) -> None:
        pass

    @classmethod
    def send(cls, piece: bytes) -> None:
        cls.handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))

    @classmethod
    def end(cls) -> None:
        cls.send(b"")
        cls.done.set()


@pytest.mark.parametrize("kind", ["http.client", "urllib3", "botocore", "requests"])
def test_a_response_is_not_read_ahead(data: bytes, kind: str) -> None:
    """As GetMedia's: chunked, endless."""
    Paced.ready, Paced.done = threading.Event(), threading.Event()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Paced)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    try:
        source: Any
        if kind == "http.client":
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request("GET", "/")
            source = connection.getresponse()
        elif kind == "requests":
            requests = pytest.importorskip("requests")
            address = f"http://127.0.0.1:{port}/"
            source = requests.get(address, stream=True).raw
        else:
            urllib3 = pytest.importorskip("urllib3")
            pool = urllib3.PoolManager()
            address = f"http://127.0.0.1:{port}/"
            source = pool.request("GET", address, preload_content=False)
            if kind == "botocore":
                response = pytest.importorskip("botocore.response")
                source = response.StreamingBody(source, None)
        assert Paced.ready.wait(20)
        check_paced(source, Paced.send, Paced.end, data)
    finally:
        Paced.done.set()
        server.shutdown()
        server.server_close()


# --- async ------------------------------------------------------------------


async def pieces_of(data: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        await asyncio.sleep(0)
        yield data[at : at + size]


def test_async_iterable(data: bytes, expected: list[int]) -> None:
    async def collect() -> list[int]:
        stream = kvsparse.frames(pieces_of(data, 1000))
        return [frame.offset async for frame in stream]

    assert asyncio.run(collect()) == expected


def test_async_reader(data: bytes, expected: list[int]) -> None:
    async def collect() -> list[int]:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        return [frame.offset async for frame in kvsparse.frames(reader)]

    assert asyncio.run(collect()) == expected


def test_async_pictures(decodes: None, sample: Path) -> None:
    data = sample.read_bytes()

    async def count() -> tuple[int, int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(tick())
        pictures = 0
        async for _ in kvsparse.pictures(pieces_of(data, 10_000)):
            pictures += 1
        task.cancel()
        return pictures, ticks

    pictures, ticks = asyncio.run(count())
    assert pictures == sum(1 for _ in kvsparse.pictures(sample))
    assert ticks > pictures  # the loop went on while pictures were made


CANCEL = """\
import asyncio, sys, time, kvsparse

data = open(sys.argv[1], "rb").read()

async def pieces():
    yield data

async def count():
    async for _ in kvsparse.pictures(pieces(), size=(2000, 0)):
        pass

async def main():
    for after in range(20):
        task = asyncio.create_task(count())
        await asyncio.sleep(after / 500)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass

asyncio.run(main())
"""


def test_async_cancelled_while_a_thread_decodes(decodes: None, sample: Path) -> None:
    command = [sys.executable, "-c", CANCEL, str(sample)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""


def test_a_source_that_is_left_early_can_be_used_further(data: bytes) -> None:
    pieces = (data[at : at + 1000] for at in range(0, len(data), 1000))
    with kvsparse.frames(pieces) as stream:
        taken = next(stream).offset // 1000 + 1
    rest = b"".join(pieces)
    assert 0 < len(rest) and data.endswith(rest)
    assert len(data) - len(rest) <= (taken + 1) * 1000


def test_async_left_early(data: bytes) -> None:
    async def first() -> bytes:
        source = pieces_of(data, 1000)
        stream = kvsparse.frames(source)
        async for _ in stream:
            break
        await stream.aclose()
        async with kvsparse.frames(source) as unused:
            pass
        with pytest.raises(StopAsyncIteration):
            await unused.__anext__()
        with pytest.raises(StopAsyncIteration):
            await stream.__anext__()
        return b"".join([piece async for piece in source])

    rest = asyncio.run(first())
    assert 0 < len(rest) < len(data) and data.endswith(rest)


def test_the_wrong_for(data: bytes) -> None:
    with pytest.raises(TypeError, match="async for"):
        iter(kvsparse.frames(pieces_of(data, 1000)))
    with pytest.raises(TypeError, match="use 'for'"):
        aiter(kvsparse.frames(data))
