"""The endpoint: listens, and leads each request through what it has to pass.

Signature, faults, quotas, the call, the log.  Knows all the parts; what they
do is theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import ssl
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

from . import calls, control, credentials, media, signature
from .calls import Service
from .errors import ApiError
from .faults import Fault, Faults, Rule, error_of
from .http import (BadRequest, Breakage, Connection, Gone, Protocol, Request,
                   Shape)
from .log import Log
from .quotas import Quotas
from .streams import Stream

LOOPBACK = ("127.", "::1", "::ffff:127.")


@dataclass
class Options:
    """How the endpoint behaves; the defaults are the service's."""

    address: str = "127.0.0.1"
    port: int = 0
    region: str = "us-west-2"
    seed: int = 0
    verify: bool = True
    skew: float = signature.SKEW_SECONDS
    #: self, separate, stale, dead, or a URL.
    data_endpoint: str = "self"
    inclusive: bool = False
    now: str = "current"
    null_next_token: bool = True
    idle: Optional[float] = 3.0
    session: Optional[float] = 2700.0
    chunk: Tuple[int, int] = (65536, 65536)
    quotas: Dict[str, float] = field(default_factory=dict)
    rules: List[Rule] = field(default_factory=list)
    tls: Optional[ssl.SSLContext] = None


class _Exchange:
    """One request and what becomes of it."""

    def __init__(self, endpoint: "Endpoint", connection: Connection,
                 request: Request, role: str) -> None:
        self.endpoint = endpoint
        self.connection = connection
        self.request = request
        self.role = role
        self.id = str(uuid.uuid4())
        self.faults: List[Fault] = []
        self.entry: Dict[str, Any] = {
            "time": time.time(), "call": None, "stream": None,
            "port": role, "status": None, "error": None,
            "request_id": self.id, "end": None,
            "host": request.header("Host"),
            "agent": request.header("User-Agent"),
            "content_type": request.header("Content-Type")}

    def headers(self, content: str = "application/json") -> Dict[str, str]:
        """What each answer has."""
        return {"x-amzn-RequestId": self.id, "Content-Type": content}


class Endpoint:
    """The server."""

    def __init__(self, streams: Sequence[Stream],
                 store: credentials.KeyStore, options: Options,
                 log: Optional[Log] = None) -> None:
        self.options = options
        self.store = store
        self.log = log or Log()
        self.faults = Faults(options.rules, options.seed)
        self.quotas = Quotas(options.quotas)
        self.service = Service(
            {stream.name: stream for stream in streams}, self.quotas,
            options.seed, options.inclusive, options.now,
            options.null_next_token, self.data_endpoint)
        self.ports: Dict[str, int] = {}
        self._roles: Dict[int, str] = {}
        self._servers: List[asyncio.AbstractServer] = []
        self._dead: Optional[socket.socket] = None
        self._open: Set["asyncio.Task[None]"] = set()
        self._sessions: Set[media.Session] = set()
        self._count = 0

    # -- listening -----------------------------------------------------------

    async def start(self) -> int:
        """Listens; the port."""
        port = await self._listen("main", self.options.port)
        await self._listen("data", 0)
        await self._listen("stale", 0)
        family = socket.AF_INET6 if ":" in self.options.address else (
            socket.AF_INET)
        self._dead = socket.socket(family)  # bound, and nobody listens
        self._dead.bind((self.options.address, 0))
        self.ports["dead"] = self._dead.getsockname()[1]
        return port

    async def _listen(self, role: str, port: int) -> int:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            self._protocol, self.options.address, port, backlog=512,
            ssl=self.options.tls)
        number = int(server.sockets[0].getsockname()[1])
        self._servers.append(server)
        self.ports[role] = number
        self._roles[number] = role
        return number

    async def rotate(self) -> None:
        """A new data endpoint; the one so far is stale, main included."""
        self._roles[self.ports["data"]] = "stale"
        if self.options.data_endpoint == "self":
            self.options.data_endpoint = "separate"
        await self._listen("data", 0)

    async def stop(self) -> None:
        """Closes everything."""
        for server in self._servers:
            server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        if self._dead is not None:
            self._dead.close()

    def _protocol(self) -> Protocol:
        reader = asyncio.StreamReader(limit=65536)
        protocol: Protocol

        def connected(reader: asyncio.StreamReader,
                      writer: asyncio.StreamWriter) -> None:
            task = asyncio.get_running_loop().create_task(
                self._serve(reader, writer, protocol))
            self._open.add(task)
            task.add_done_callback(self._open.discard)

        protocol = Protocol(reader, connected)
        return protocol

    def url(self, role: str, host: Optional[str] = None) -> str:
        """Where one of the ports is, as the client has to call it."""
        scheme = "https" if self.options.tls else "http"
        host = host or self.options.address
        if ":" in host:
            host = "[" + host + "]"
        return "%s://%s:%d" % (scheme, host, self.ports[role])

    def data_endpoint(self, kind: Optional[str] = None,
                      host: Optional[str] = None) -> str:
        """What GetDataEndpoint answers."""
        kind = kind or self.options.data_endpoint
        role = {"self": "main", "separate": "data"}.get(kind, kind)
        return self.url(role, host) if role in self.ports else kind

    def end_sessions(self, how: str, stream: Optional[str]) -> int:
        """Ends the sessions that are open."""
        found = [session for session in self._sessions
                 if stream in (None, session.stream.name)]
        for session in found:
            session.ordered = how
        return len(found)

    # -- a connection --------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader,
                     writer: asyncio.StreamWriter, protocol: Protocol) -> None:
        connection = Connection(reader, writer, protocol.left)
        address = writer.get_extra_info("sockname") or ("", 0)
        role = self._roles.get(address[1], "main")
        peer = str((writer.get_extra_info("peername") or ("",))[0])
        with contextlib.suppress(Gone, asyncio.CancelledError):
            await self._requests(connection, role, address[1],
                                 peer.startswith(LOOPBACK))
        writer.close()

    async def _requests(self, connection: Connection, role: str, port: int,
                        local: bool) -> None:
        while True:
            connection.shape(Shape())
            try:
                request = await connection.request()
            except BadRequest as bad:
                await connection.answer(bad.status, {"Connection": "close"},
                                        str(bad).encode())
                return
            if request is None:
                return
            role = self._roles.get(port, role)
            if local and request.path.startswith(control.PREFIX):
                await connection.answer(*await control.answer(self, request))
            else:
                await self._exchange(_Exchange(self, connection, request,
                                               role), local)
            if not request.keep_alive:
                return

    async def _exchange(self, exchange: _Exchange, local: bool) -> None:
        entry = exchange.entry
        name = credentials.call_name(exchange.request) if local else None
        try:
            if name is not None:
                await self._credentials(exchange, name)
            else:
                await self._call(exchange)
        except Gone as gone:
            entry["end"] = gone.how
            raise
        finally:
            entry["seconds"] = round(time.time() - entry["time"], 6)
            self.log.add(entry)

    # -- one request ---------------------------------------------------------

    async def _credentials(self, exchange: _Exchange, name: str) -> None:
        exchange.entry["call"] = name
        exchange.faults = self.faults.choose(name, None)
        error = await self._before(exchange)
        if error is not None:
            await self._error(exchange, error)
            return
        status, headers, body = credentials.answer(self.store, name,
                                                   exchange.request)
        exchange.entry["status"] = status
        await exchange.connection.answer(status, headers, body)

    async def _call(self, exchange: _Exchange) -> None:
        request, entry = exchange.request, exchange.entry
        name = calls.PATHS.get(request.path)
        entry["call"] = name or request.path
        try:
            if name is None or request.method != "POST":
                raise ApiError("UnknownOperationException", "")
            fields = self._fields(request)
            entry["stream"] = calls.named(self.service, fields)
            exchange.faults = self.faults.choose(name, entry["stream"])
            error = await self._before(exchange)
            if error is not None:
                raise error
            self._authorize(exchange, name)
            await self._dispatch(exchange, name, fields)
        except ApiError as error:
            await self._error(exchange, error)

    @staticmethod
    def _fields(request: Request) -> Dict[str, Any]:
        try:
            fields = json.loads(request.body or b"{}")
        except ValueError:
            fields = None
        if not isinstance(fields, dict):
            raise ApiError("SerializationException",
                           "The body is no JSON object.", status=400)
        return fields

    async def _before(self, exchange: _Exchange) -> Optional[ApiError]:
        """The faults that come before the call; the error, if one is."""
        shape = Shape(self.options.chunk, self.quotas.limit(
            "bytes_per_second"), rng=random.Random(
                "%d %d" % (self.options.seed, self._count)))
        self._count += 1
        exchange.entry["faults"] = [dict(fault.settings)
                                    for fault in exchange.faults]
        error = None
        for fault in exchange.faults:
            if fault.do == "delay":
                await exchange.connection.sleep(float(fault.get("seconds", 1)))
            elif fault.do == "error":
                error = error or error_of(fault)
            elif fault.do == "chunks" and fault.has("size"):
                shape.chunk = fault.pair("size")
            elif fault.do == "slow":
                shape.bytes_per_second = float(
                    fault.get("bytes_per_second", 1000))
            elif fault.do in ("cut", "reset") and fault.has("wire"):
                shape.breakage = Breakage(int(fault.get("wire")), fault.do)
        exchange.connection.shape(shape)
        return error

    def _authorize(self, exchange: _Exchange, name: str) -> None:
        """Whose call it is, and whether this port takes it."""
        if self.options.verify:
            keys, _ = signature.verify(
                exchange.request, self.store, self.options.region,
                self.store.now(), self.options.skew)
            exchange.entry["access_key"] = keys.access_key
        wrong = exchange.role == "stale" or (
            exchange.role == "main" and name not in calls.CONTROL and
            self.options.data_endpoint not in ("self", "main"))
        if wrong:
            raise ApiError("InvalidEndpointException")

    async def _dispatch(self, exchange: _Exchange, name: str,
                        fields: Dict[str, Any]) -> None:
        exchange.entry["request"] = {
            key: value for key, value in fields.items()
            if key not in ("StreamName", "Fragments")}
        if name == "GetMedia":
            await self._get_media(exchange, fields)
        elif name == "GetMediaForFragmentList":
            await self._get_list(exchange, fields)
        else:
            answer = calls.JSON_CALLS[name](self.service, fields)
            if name == "GetDataEndpoint":
                answer = self._point(exchange, answer)
            exchange.entry["status"] = 200
            await exchange.connection.answer(
                200, exchange.headers(), json.dumps(answer).encode())

    def _point(self, exchange: _Exchange,
               answer: Dict[str, Any]) -> Dict[str, Any]:
        """The data endpoint, under the name that the client used for us."""
        host = (exchange.request.header("Host") or "").strip()
        name = host.rpartition(":")[0] if not host.endswith("]") else host
        kind = None
        for fault in exchange.faults:
            if fault.do == "endpoint":
                kind = str(fault.get("answer", "stale"))
        return {**answer, "DataEndpoint": self.data_endpoint(
            kind, name.strip("[]") or None)}

    async def _error(self, exchange: _Exchange, error: ApiError) -> None:
        entry = exchange.entry
        entry["status"], entry["error"] = error.status, error.name
        headers = {**exchange.headers(), **error.headers()}
        await exchange.connection.answer(error.status, headers, error.body())

    # -- media ---------------------------------------------------------------

    async def _get_media(self, exchange: _Exchange,
                         fields: Dict[str, Any]) -> None:
        stream, index = calls.media_start(self.service, fields)
        for fault in exchange.faults:
            if fault.do == "replay":
                index = max(stream.earliest(),
                            index - int(fault.get("count", 1)))
        limits = media.Limits(
            self.options.idle, self.options.session,
            0 if stream.settings.pace == 0 else
            self.quotas.limit("fragments_per_second"))
        await self._session(exchange, stream, "GetMedia", limits, index, [])

    async def _get_list(self, exchange: _Exchange,
                        fields: Dict[str, Any]) -> None:
        stream, numbers = calls.fragment_list(self.service, fields)
        await self._session(exchange, stream, "GetMediaForFragmentList",
                            media.Limits(), None, numbers)

    async def _session(self, exchange: _Exchange, stream: Stream, name: str,
                       limits: media.Limits, index: Optional[int],
                       numbers: List[str]) -> None:
        connection, entry = exchange.connection, exchange.entry
        self.quotas.connect(name, stream.name)
        session = media.Session(connection, stream, exchange.faults, limits,
                                random.Random(self.options.seed))
        entry["status"] = 200
        self._sessions.add(session)
        try:
            await self._media(exchange, session, index, numbers)
        except Gone as gone:
            session.tally.end = gone.how
            raise
        finally:
            self._sessions.discard(session)
            self.quotas.disconnect(name, stream.name)
            entry.update(session.tally.state())
            entry["bytes"] = connection.body_sent

    async def _media(self, exchange: _Exchange, session: media.Session,
                     index: Optional[int], numbers: List[str]) -> None:
        connection = exchange.connection
        await connection.begin(200, exchange.headers("video/webm"))
        with contextlib.suppress(media.Finish):
            if index is not None:
                await session.media(index)
            else:
                await session.fragments(numbers, self._missing(exchange,
                                                               numbers))
        await connection.finish()

    @staticmethod
    def _missing(exchange: _Exchange,
                 numbers: Sequence[str]) -> Dict[str, Tuple[int, str]]:
        missing = {}
        for fault in exchange.faults:
            if fault.do != "missing":
                continue
            told = (int(fault.get("code", 4000)),
                    str(fault.get("message", "The fragment was not found.")))
            every = int(fault.get("every", 0 if fault.has("number") else 1))
            for k, number in enumerate(numbers):
                if number == str(fault.get("number")) or (
                        every and (k + 1) % every == 0):
                    missing[number] = told
        return missing
