"""HTTP/1.1 for one connection: requests in, answers out, broken on demand.

Knows the wire and how to break it at any byte; nothing of the service.
"""

from __future__ import annotations

import asyncio
import email.utils
import http.client
import random
import socket
import struct
from dataclasses import dataclass, field
from typing import Dict, List, Optional, Tuple

MAX_HEAD = 65536
MAX_BODY = 8 << 20

Headers = List[Tuple[str, str]]


class Gone(Exception):
    """The client has left, or the connection was ended on purpose."""

    def __init__(self, how: str = "gone") -> None:
        super().__init__(how)
        self.how = how


class BadRequest(Exception):
    """No HTTP request that this server takes."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class Request:
    """One request, whole."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes
    keep_alive: bool

    def header(self, name: str) -> Optional[str]:
        """The first header of that name."""
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return None


class Protocol(asyncio.StreamReaderProtocol):
    """Tells at once when the other side has left."""

    def __init__(self, reader: asyncio.StreamReader,
                 connected: object) -> None:
        super().__init__(reader, connected)  # type: ignore[arg-type]
        self.left = asyncio.Event()

    def eof_received(self) -> Optional[bool]:
        """The client closed its half, which nobody does while reading."""
        self.left.set()
        return super().eof_received()

    def connection_lost(self, exc: Optional[Exception]) -> None:
        """The connection is gone."""
        self.left.set()
        super().connection_lost(exc)


@dataclass
class Breakage:
    """Ends the answer after so many bytes of the wire: cut or reset."""

    after: int
    how: str


@dataclass
class Shape:
    """How the body is sent."""

    chunk: Tuple[int, int] = (65536, 65536)
    bytes_per_second: float = 0.0
    breakage: Optional[Breakage] = None
    rng: random.Random = field(default_factory=random.Random)

    def chunk_size(self) -> int:
        """The size of the next transfer chunk."""
        low, high = self.chunk
        return low if low == high else self.rng.randint(low, high)


class Connection:
    """A client's connection."""

    def __init__(self, reader: asyncio.StreamReader,
                 writer: asyncio.StreamWriter, left: asyncio.Event) -> None:
        self._reader = reader
        self._writer = writer
        self._left = left
        self._shape = Shape()
        self._sent = 0       # bytes of this answer, as they are on the wire
        self._body_sent = 0
        self._due = 0.0      # when the next bytes may go, at a limited pace
        writer.transport.set_write_buffer_limits(high=65536)

    # -- in ------------------------------------------------------------------

    async def request(self) -> Optional[Request]:
        """The next request; None when there is no more."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        except asyncio.LimitOverrunError:
            raise BadRequest(431, "headers are too large") from None
        except ConnectionError:
            return None
        method, target, version, headers = _parse_head(head)
        length = _content_length(headers)
        names = {name.lower(): value.lower() for name, value in headers}
        if names.get("expect") == "100-continue":
            self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            body = await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        keep = (names.get("connection") != "close" and
                version == "HTTP/1.1")
        path, _, query = _origin(target).partition("?")
        return Request(method, path, query, headers, body, keep)

    # -- out -----------------------------------------------------------------

    def shape(self, shape: Shape) -> None:
        """How the next answer is sent."""
        self._shape = shape
        self._sent = 0
        self._body_sent = 0
        self._due = 0.0

    async def answer(self, status: int, headers: Dict[str, str],
                     body: bytes) -> None:
        """A whole answer."""
        await self._head(status, {**headers, "Content-Length":
                                  str(len(body))})
        await self._write(body)

    async def begin(self, status: int, headers: Dict[str, str]) -> None:
        """An answer whose body follows in pieces."""
        await self._head(status, {**headers, "Transfer-Encoding": "chunked"})

    async def send(self, data: bytes, announced: int = 0) -> None:
        """A piece of the body, in transfer chunks.

        ``announced`` more bytes are promised by the last chunk's size and do
        not come: the caller is going to break the connection there.
        """
        view = memoryview(data)
        while view:
            chunk = self._shape.chunk_size()
            size = min(chunk, len(view))
            more = 0
            if size == len(view) and announced:
                more = max(1, min(chunk - size, announced))
            await self._write(b"%x\r\n" % (size + more))
            await self._write(view[:size])
            if not more:
                await self._write(b"\r\n")
            self._body_sent += size
            view = view[size:]

    async def finish(self) -> None:
        """The body's end, as it should be."""
        await self._write(b"0\r\n\r\n")
        await self._drain()

    async def cut(self) -> None:
        """Closes the connection in the middle; what was sent arrives."""
        await self._flush()
        self._writer.close()
        raise Gone("cut")

    async def reset(self) -> None:
        """Ends the connection with a TCP reset."""
        await self._flush()
        await asyncio.sleep(0.02)  # what was sent is read before, mostly
        self._linger_none()
        self._writer.transport.abort()
        raise Gone("reset")

    async def sleep(self, seconds: float) -> None:
        """Waits; raises Gone when the client leaves meanwhile."""
        if self._left.is_set():
            raise Gone()
        try:
            await asyncio.wait_for(self._left.wait(), max(seconds, 0.001))
        except asyncio.TimeoutError:
            return
        raise Gone()

    @property
    def body_sent(self) -> int:
        """Bytes of the body that were sent."""
        return self._body_sent

    # -- inside --------------------------------------------------------------

    def _linger_none(self) -> None:
        sock = self._writer.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                            struct.pack("ii", 1, 0))

    async def _head(self, status: int, headers: Dict[str, str]) -> None:
        reason = http.client.responses.get(status, "Unknown")
        lines = ["HTTP/1.1 %d %s" % (status, reason)]
        lines += ["%s: %s" % item for item in headers.items()]
        lines.append("Date: " + email.utils.formatdate(usegmt=True))
        await self._write("\r\n".join(lines).encode() + b"\r\n\r\n")

    async def _write(self, data: "bytes | memoryview") -> None:
        breakage = self._shape.breakage
        if breakage is not None and self._sent + len(data) >= breakage.after:
            self._writer.write(data[:breakage.after - self._sent])
            self._sent = breakage.after
            if breakage.how == "reset":
                await self.reset()
            await self.cut()
        if self._left.is_set():
            raise Gone()
        self._writer.write(data)
        self._sent += len(data)
        await self._pace(len(data))
        await self._drain()

    async def _pace(self, size: int) -> None:
        rate = self._shape.bytes_per_second
        if rate <= 0:
            return
        now = asyncio.get_running_loop().time()
        self._due = max(self._due, now) + size / rate
        if self._due - now > 0.005:
            await self.sleep(self._due - now)

    async def _drain(self) -> None:
        try:
            await self._writer.drain()
        except ConnectionError:
            raise Gone() from None

    async def _flush(self) -> None:
        """All that was written is with the kernel."""
        transport = self._writer.transport
        while transport.get_write_buffer_size() and not self._left.is_set():
            await asyncio.sleep(0.005)


def _parse_head(head: bytes) -> Tuple[str, str, str, Headers]:
    try:
        lines = head.decode("latin-1").split("\r\n")[:-2]
        method, target, version = lines[0].split(" ")
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or name != name.strip() or not name:
                raise ValueError(line)
            headers.append((name, value.strip()))
    except ValueError:
        raise BadRequest(400, "this is no HTTP request") from None
    return method, target, version, headers


def _origin(target: str) -> str:
    """The path of a request, also of one that came as to a proxy."""
    if target.startswith("http://"):
        return "/" + target[len("http://"):].partition("/")[2]
    return target


def _content_length(headers: Headers) -> int:
    for name, value in headers:
        if name.lower() == "transfer-encoding":
            raise BadRequest(501, "request bodies must have a Content-Length")
        if name.lower() == "content-length":
            if not value.isdigit():
                raise BadRequest(400, "bad Content-Length")
            if int(value) > MAX_BODY:
                raise BadRequest(413, "the request is too large")
            return int(value)
    return 0
