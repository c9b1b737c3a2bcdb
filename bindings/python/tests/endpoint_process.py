"""An endpoint for the tests: started, asked in raw bytes or by boto3, ended."""

from __future__ import annotations

import http.client
import json
import os
import select
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple
from urllib.parse import urlsplit

import pytest

boto3 = pytest.importorskip("boto3", reason="python3-boto3 is not installed")

from botocore.auth import SigV4Auth  # noqa: E402
from botocore.awsrequest import AWSRequest  # noqa: E402
from botocore.config import Config  # noqa: E402
from botocore.credentials import Credentials  # noqa: E402

try:
    import kvsparse
except ImportError:  # neither installed nor in PYTHONPATH: the source tree's
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    import kvsparse

PACKAGE = Path(kvsparse.__file__).resolve().parent.parent
ACCESS_KEY = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
REGION = "us-west-2"

EARLIEST = {"StartSelectorType": "EARLIEST"}
NOW = {"StartSelectorType": "NOW"}


def environment() -> Dict[str, str]:
    """The tests' environment, with the package in it."""
    variables = dict(os.environ)
    path = variables.get("PYTHONPATH")
    variables["PYTHONPATH"] = os.pathsep.join(
        [str(PACKAGE)] + ([path] if path else []))
    return variables


class Endpoint:
    """A process that serves."""

    def __init__(self, *arguments: str, tls: Optional[str] = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kvsparse.endpoint", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=environment())
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.strip().isdigit():
            _, errors = self.process.communicate()
            raise AssertionError("no port: " + errors)
        self.port = int(line)
        self.url = "%s://127.0.0.1:%d" % ("https" if tls else "http",
                                          self.port)
        self.tls = tls

    def __enter__(self) -> "Endpoint":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode

    # -- by boto3 ------------------------------------------------------------

    def client(self, service: str, url: Optional[str] = None,
               **keys: Any) -> Any:
        """boto3's client."""
        settings: Dict[str, Any] = dict(
            region_name=REGION, aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET, endpoint_url=url or self.url,
            config=Config(retries={"max_attempts": 0}, read_timeout=20))
        if self.tls:
            settings["verify"] = self.tls
        settings.update(keys)
        return boto3.client(service, **settings)

    def media(self, selector: Any = None, stream: str = "door") -> bytes:
        """What GetMedia delivers until the session ends."""
        client = self.client("kinesis-video-media")
        answer = client.get_media(StreamName=stream,
                                  StartSelector=selector or EARLIEST)
        return bytes(answer["Payload"].read())

    def archived(self) -> Any:
        """The client of the archive."""
        return self.client("kinesis-video-archived-media")

    # -- by hand -------------------------------------------------------------

    def request(self, path: str, fields: Any, **changes: Any) -> bytes:
        """A signed request in bytes."""
        return signed_request(self.url + path, fields, **changes)

    def connect(self, port: Optional[int] = None) -> socket.socket:
        """A connection."""
        return socket.create_connection(("127.0.0.1", port or self.port), 10)

    def raw(self, path: str, fields: Any, seconds: float = 10.0,
            **changes: Any) -> "Answer":
        """What comes on the wire until the connection or the answer ends."""
        with self.connect() as sock:
            sock.sendall(self.request(path, fields, **changes))
            return Answer.read(sock, seconds)

    def raw_media(self, stream: str = "door", seconds: float = 10.0,
                  selector: Any = None) -> "Answer":
        """GetMedia on the wire."""
        return self.raw("/getMedia", {
            "StreamName": stream, "StartSelector": selector or EARLIEST},
            seconds)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """The endpoint's own paths."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                timeout=10)
        connection.request(method, "/_endpoint" + path,
                           None if body is None else json.dumps(body))
        answer = connection.getresponse()
        result = json.loads(answer.read())
        connection.close()
        assert answer.status == 200, result
        return result

    def rules(self, *rules: Any) -> None:
        """These faults from now on, and no others."""
        self.control("PUT", "/rules", list(rules))

    def calls(self, name: str) -> List[Dict[str, Any]]:
        """The log of that call."""
        entries: List[Dict[str, Any]] = self.control("GET", "/log")
        return [entry for entry in entries if entry["call"] == name]


class Answer:
    """An HTTP answer as it came, and how the connection ended.

    ended: "whole" (with all that was announced), "closed" (before), "reset",
    "silent" (nothing more within the time given).
    """

    def __init__(self, data: bytes, ended: str, pauses: List[float]) -> None:
        self.data = data
        self.ended = ended
        self.pauses = pauses
        head, _, rest = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1]) if len(lines[0]) > 9 else 0
        self.headers = {name.lower(): value.strip() for name, _, value in
                        (line.partition(":") for line in lines[1:])}
        self.chunks: List[int] = []
        self.body = self._body(rest)

    def _body(self, rest: bytes) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return rest
        body, self.chunks, _ = unchunk(rest)
        return body

    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)

    @staticmethod
    def _may_be_whole(data: bytearray) -> bool:
        """A quick look: most pieces of a long body are not its end."""
        return (b"chunked\r\n" not in data[:1000] or
                data[-5:] == b"0\r\n\r\n")

    @staticmethod
    def _whole(data: bytes) -> bool:
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            return False
        lower = head.lower()
        if b"transfer-encoding: chunked" in lower:
            return unchunk(rest)[2]
        for line in lower.split(b"\r\n"):
            if line.startswith(b"content-length:"):
                return len(rest) >= int(line.split(b":")[1])
        return False

    @classmethod
    def read(cls, sock: socket.socket, seconds: float) -> "Answer":
        """Reads an answer."""
        data, pauses = bytearray(), []
        sock.settimeout(seconds)
        ended, last = "closed", time.monotonic()
        end = last + 3 * seconds  # of an answer that does not end
        try:
            while True:
                if time.monotonic() > end:
                    raise socket.timeout
                piece = sock.recv(65536)
                pauses.append(time.monotonic() - last)
                last = time.monotonic()
                if not piece:
                    break
                data += piece
                if cls._may_be_whole(data) and cls._whole(bytes(data)):
                    ended = "whole"
                    break
        except ConnectionResetError:
            ended = "reset"
        except socket.timeout:
            ended = "silent"
        return cls(bytes(data), ended, pauses)


def unchunk(data: bytes) -> Tuple[bytes, List[int], bool]:
    """A chunked body: its bytes, the chunks' sizes, whether it is whole."""
    body, sizes, at = bytearray(), [], 0
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return bytes(body), sizes, False
        size = int(data[at:end], 16)
        if size == 0:
            return bytes(body), sizes, data[end:end + 4] == b"\r\n\r\n"
        body += data[end + 2:end + 2 + size]
        sizes.append(size)
        at = end + 2 + size + 2
        if at > len(data):
            return bytes(body), sizes, False


def signed_request(url: str, fields: Any, *, access_key: str = ACCESS_KEY,
                   secret: str = SECRET, token: Optional[str] = None,
                   region: str = REGION, service: str = "kinesisvideo",
                   seconds_off: float = 0.0,
                   extra: Optional[Dict[str, str]] = None,
                   replace: Optional[Tuple[str, str]] = None) -> bytes:
    """A request signed by botocore, then changed if that is asked for."""
    body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    request = AWSRequest("POST", url, data=body, headers={
        "Content-Type": "application/json", **(extra or {})})
    request.context["timestamp"] = time.strftime(
        "%Y%m%dT%H%M%SZ", time.gmtime(time.time() + seconds_off))
    auth = SigV4Auth(Credentials(access_key, secret, token), service, region)
    auth._modify_request_before_signing(request)
    text = auth.string_to_sign(request, auth.canonical_request(request))
    auth._inject_signature_to_request(request, auth.signature(text, request))
    parts = urlsplit(url)
    lines = ["POST %s HTTP/1.1" % parts.path, "Host: " + parts.netloc]
    lines += ["%s: %s" % item for item in request.headers.items()]
    lines.append("Content-Length: %d" % len(body))
    head = "\r\n".join(lines) + "\r\n\r\n"
    if replace is not None:
        assert replace[0] in head
        head = head.replace(replace[0], replace[1])
    return head.encode() + body


def fragments(data: bytes) -> List[Any]:
    """What kvsparse.read finds: (Fragment, [frames], FragmentEnd or None)."""
    found: List[Any] = []
    for item in kvsparse.read(data):
        if isinstance(item, kvsparse.Fragment):
            found.append([item, [], None])
        elif isinstance(item, kvsparse.Frame):
            found[-1][1].append(bytes(item.data))
        elif isinstance(item, kvsparse.FragmentEnd):
            found[-1][2] = item
    return found


def numbers(data: bytes) -> List[str]:
    """The fragments' numbers, in the order in which they come."""
    return [entry[0].number for entry in fragments(data)]


def counts(data: bytes) -> List[int]:
    """The numbers that the frames of a counter: stream hold."""
    return [int.from_bytes(frame[:8], "big")
            for entry in fragments(data) for frame in entry[1]]


def wait_for(condition: Any, seconds: float = 5.0) -> None:
    """Until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        select.select([], [], [], 0.02)


def corpus(name: str) -> Path:
    """A file of the corpus, or a skip."""
    folder = os.environ.get("KVSPARSE_CORPUS")
    if not folder:
        pytest.skip("KVSPARSE_CORPUS is not set")
    return Path(folder) / name
