"""python3 -m kvsparse.endpoint: options, and the server's life."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shlex
import signal
import ssl
import subprocess
import sys
import tempfile
from typing import Any, Dict, List, NoReturn, Optional, Sequence, Tuple

import kvsparse.endpoint as package

from ..errors import LibraryError
from . import credentials, documents, faults, recordings
from .log import Log
from .quotas import DEFAULTS
from .server import Endpoint, Options
from .streams import Layout, Settings, Stream


class UsageError(Exception):
    """Options that make no sense."""


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError("%r is no number" % text) from None


def _pairs(text: str) -> Dict[str, str]:
    pairs = {}
    for part in filter(None, text.split(",")):
        name, equals, value = part.partition("=")
        if not equals:
            raise UsageError("NAME=VALUE is missing in %r" % part)
        pairs[name] = value
    return pairs


def _counter(text: str) -> List[recordings.Template]:
    settings: Dict[str, Any] = {}
    for name, value in _pairs(text).items():
        if name not in documents.Counter.__dataclass_fields__:
            raise UsageError("counter takes no " + name)
        settings[name] = int(_number(value))
    return recordings.counter(documents.Counter(**settings))


def _generate(text: str) -> List[recordings.Template]:
    program = os.environ.get("KVSPARSE", "kvsparse")
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "generated.mkv")
        command = [program, "generate", "-q", "-o", file] + shlex.split(text)
        try:
            subprocess.run(command, check=True)
        except subprocess.CalledProcessError as error:
            raise UsageError("kvsparse generate ended with %d"
                             % error.returncode) from None
        except OSError as error:
            raise UsageError("kvsparse: %s" % error.strerror) from None
        return _file(file)


def _file(path: str) -> List[recordings.Template]:
    try:
        with open(path, "rb") as file:
            return recordings.split(file.read())
    except OSError as error:
        raise UsageError("%s: %s" % (path, error.strerror)) from None
    except recordings.RecordingError as error:
        raise UsageError("%s: %s" % (path, error)) from None


def load(source: str) -> List[recordings.Template]:
    """The fragments of FILE+FILE, counter:... or generate:..."""
    kind, colon, rest = source.partition(":")
    if colon and kind == "counter":
        return _counter(rest)
    if colon and kind == "generate":
        return _generate(rest)
    if os.path.exists(source):
        return _file(source)
    return [template for path in source.split("+")
            for template in _file(path)]


def names(pattern: str) -> List[str]:
    """cam{0..99} is a hundred names."""
    match = re.fullmatch(r"(.*)\{(\d+)\.\.(\d+)\}(.*)", pattern)
    if match is None:
        return [pattern]
    before, first, last, after = match.groups()
    return [before + str(k) + after for k in range(int(first), int(last) + 1)]


def _settings(options: argparse.Namespace) -> Settings:
    loop: Optional[int] = options.loop
    if loop is None and options.pace == 0:
        loop = 1
    if loop == 0:
        loop = None
    times = options.times or ("recorded" if options.pace == 0 else "now")
    return Settings(
        options.pace, loop, times == "recorded", options.history,
        options.keep, options.retention, options.media_type,
        Layout(options.cluster or "", options.void, options.long_names),
        round(options.producer_shift * 1000), options.list_delay)


def streams(options: argparse.Namespace) -> List[Stream]:
    """The streams that the options ask for."""
    result: Dict[str, Stream] = {}
    for text in options.stream:
        pattern, equals, source = text.partition("=")
        if not equals or not pattern or not source:
            raise UsageError("--stream is NAME=FILE")
        templates = load(source)
        for name in names(pattern):
            if not re.fullmatch(r"[a-zA-Z0-9_.\-]{1,256}", name):
                raise UsageError("%r is no stream's name" % name)
            try:
                result[name] = Stream(name, templates, _settings(options),
                                      options.region)
            except ValueError as error:
                raise UsageError(str(error)) from None
    return list(result.values())


def _keys(text: str, store: credentials.KeyStore) -> credentials.Keys:
    parts = text.split(":")
    if not 2 <= len(parts) <= 4 or not parts[0] or not parts[1]:
        raise UsageError("--credentials is KEY:SECRET[:TOKEN[:SECONDS]]")
    expires = store.now() + _number(parts[3]) if len(parts) == 4 else None
    token = parts[2] if len(parts) > 2 and parts[2] else None
    return credentials.Keys(parts[0], parts[1], token, expires)


def key_store(options: argparse.Namespace) -> credentials.KeyStore:
    """The keys that the options ask for."""
    store = credentials.KeyStore(
        options.key_lifetime, options.container_token,
        options.web_identity_token, offset=options.clock_offset)
    for text in options.credentials or [":".join(
            [credentials.DEFAULT_ACCESS_KEY, credentials.DEFAULT_SECRET])]:
        store.add(_keys(text, store))
    return store


def _chunk(text: str) -> Tuple[int, int]:
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
    low = int(match.group(1)) if match else 0
    high = int(match.group(2) or low) if match else 0
    if not 1 <= low <= high:
        raise UsageError("--chunk is N or N-M bytes")
    return low, high


def _quotas(options: argparse.Namespace) -> Dict[str, float]:
    limits = {name: 0.0 for name in DEFAULTS} if options.no_quotas else {}
    for text in options.quota:
        for name, value in _pairs(text).items():
            if name not in DEFAULTS:
                raise UsageError("there is no quota %s; there are %s" % (
                    name, ", ".join(DEFAULTS)))
            limits[name] = _number(value)
    return limits


def _rules(options: argparse.Namespace) -> List[faults.Rule]:
    given: List[Any] = []
    for path in options.scenario:
        try:
            with open(path, encoding="utf-8") as file:
                content = json.load(file)
        except (OSError, ValueError) as error:
            raise UsageError("%s: %s" % (path, error)) from None
        given += content if isinstance(content, list) else [content]
    for text in options.fault:
        try:
            given.append(json.loads(text) if text.lstrip().startswith("{")
                         else text)
        except ValueError as error:
            raise UsageError("--fault: %s" % error) from None
    try:
        rules = [faults.parse_rule(rule) for rule in given]
    except faults.FaultError as error:
        raise UsageError(str(error)) from None
    if options.chaos:
        rules += faults.chaos(options.chaos, options.chaos_bytes)
    return rules


def _tls(options: argparse.Namespace) -> Optional[ssl.SSLContext]:
    if not options.tls:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(options.tls[0], options.tls[1])
    except (OSError, ssl.SSLError) as error:
        raise UsageError("--tls: %s" % error) from None
    return context


def _span(text: str) -> Optional[float]:
    return None if text == "never" else _number(text)


def server_options(options: argparse.Namespace) -> Options:
    """How the server is to behave."""
    return Options(
        options.listen, options.port, options.region, options.seed,
        not options.no_auth, options.skew, options.data_endpoint,
        options.resume == "inclusive", options.now,
        options.next_token == "null", _span(options.idle),
        _span(options.session), _chunk(options.chunk), _quotas(options),
        _rules(options), _tls(options))


def _add_streams(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("streams")
    add = group.add_argument
    add("--stream", action="append", default=[], metavar="NAME=SOURCE",
        help="a stream: FILE, FILE+FILE, generate:OPTIONS or "
        "counter:NAME=VALUE,...; NAME may be cam{0..99}")
    add("--pace", type=float, default=1.0, metavar="X",
        help="times its own pace; 0: all at once (default: 1)")
    add("--loop", type=int, metavar="N",
        help="rounds; 0: for ever (default: 0, at pace 0: 1)")
    add("--times", choices=("now", "recorded"),
        help="numbers and times: counted from now, or the recording's "
        "(default: now, at pace 0: recorded)")
    add("--history", type=float, default=0.0, metavar="S",
        help="seconds of media that are there at the start (default: 0)")
    add("--keep", type=float, metavar="S",
        help="seconds that EARLIEST goes back (default: all)")
    add("--retention", type=int, default=24, metavar="HOURS",
        help="DataRetentionInHours; 0: no archive (default: 24)")
    add("--media-type", default="video/h264", metavar="TYPE",
        help="DescribeStream's MediaType (default: video/h264)")
    add("--cluster", choices=("unknown", "sized", "sized4"),
        help="Clusters of unknown size, or of a size of 8 or 4 bytes "
        "(default: as recorded)")
    add("--void", type=int, default=0, metavar="BYTES",
        help="a Void element before the head tags")
    add("--long-names", action="store_true",
        help="fragment lists say SERVER_SIDE_TIMESTAMP, as documented")
    add("--producer-shift", type=float, default=0.0, metavar="S",
        help="each second fragment's producer time is off by so much: two "
        "producers, interleaved")
    add("--list-delay", type=float, default=0.0, metavar="S",
        help="ListFragments knows a fragment so much later")


def _add_calls(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("calls")
    add = group.add_argument
    add("--resume", choices=("exclusive", "inclusive"), default="exclusive",
        help="FRAGMENT_NUMBER and CONTINUATION_TOKEN begin behind the "
        "fragment, or with it (default: exclusive)")
    add("--now", choices=("current", "last", "next"), default="current",
        help="NOW begins with the fragment that is being made, the last "
        "complete one or the next (default: current)")
    add("--idle", default="3", metavar="S",
        help="a session ends when there is no producer for so long, or "
        "never (default: 3)")
    add("--session", default="2700", metavar="S",
        help="a session ends after so long, or never (default: 2700)")
    add("--chunk", default="65536", metavar="N[-M]",
        help="bytes of a transfer chunk (default: 65536)")
    add("--next-token", choices=("null", "absent"), default="null",
        help="what the last page has (default: null)")
    add("--data-endpoint", default="self", metavar="WHERE",
        help="GetDataEndpoint's answer: self, separate (its own port, and "
        "media only there), stale (InvalidEndpointException), dead "
        "(refused) or a URL (default: self)")
    add("--quota", action="append", default=[], metavar="NAME=N",
        help="a quota, 0: none: " + ", ".join(
            "%s (%g)" % item for item in DEFAULTS.items()))
    add("--no-quotas", action="store_true", help="no quotas")


def _add_keys(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("credentials")
    add = group.add_argument
    add("--credentials", action="append",
        metavar="KEY:SECRET[:TOKEN[:SECONDS]]",
        help="keys that are accepted, with SECONDS until they expire "
        "(default: %s:%s)" % (credentials.DEFAULT_ACCESS_KEY,
                              credentials.DEFAULT_SECRET))
    add("--no-auth", action="store_true", help="accept any request")
    add("--region", default="us-west-2", metavar="NAME",
        help="the region (default: us-west-2)")
    add("--skew", type=float, default=300.0, metavar="S",
        help="how far off a client's clock may be (default: 300)")
    add("--clock-offset", type=float, default=0.0, metavar="S",
        help="the service's clock is so far ahead")
    add("--key-lifetime", type=float, default=3600.0, metavar="S",
        help="of keys handed out by IMDS, container, STS (default: 3600)")
    add("--container-token", metavar="TEXT",
        help="the container service wants this Authorization")
    add("--web-identity-token", metavar="TEXT",
        help="STS wants this token")


def _add_faults(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("faults")
    add = group.add_argument
    add("--fault", action="append", default=[], metavar="RULE",
        help="'CALL DO NAME=VALUE...' or JSON, see above")
    add("--scenario", action="append", default=[], metavar="FILE",
        help="a JSON list of rules")
    add("--chaos", type=float, default=0.0, metavar="RATE",
        help="anything, at this rate of the calls")
    add("--chaos-bytes", type=int, default=65536, metavar="N",
        help="chaos breaks sessions within so many bytes (default: 65536)")
    add("--seed", type=int, default=0, metavar="N",
        help="of all that is drawn (default: 0)")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """In one line: --help has the rest."""
        self.exit(2, "kvsparse.endpoint: %s\n" % message)


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = _Parser(
        prog="python3 -m kvsparse.endpoint", description=package.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = result.add_argument
    add("--listen", default="127.0.0.1", metavar="ADDRESS",
        help="where to listen (default: 127.0.0.1)")
    add("--port", type=int, default=0, metavar="N",
        help="0: any, the first line of output tells (default: 0)")
    add("--tls", nargs=2, metavar=("CERT", "KEY"),
        help="https with this certificate and key (PEM)")
    add("--log", metavar="FILE",
        help="a line of JSON for each call, when it is over; -: stderr")
    add("-q", "--quiet", action="store_true", help="say the port only")
    _add_streams(result)
    _add_calls(result)
    _add_keys(result)
    _add_faults(result)
    return result


def _tell(endpoint: Endpoint) -> None:
    for name, stream in endpoint.service.streams.items():
        print("%s: %d fragments, %.3f s, %s" % (
            name, len(stream.templates), stream.begin(len(stream.templates)),
            stream.arn), file=sys.stderr)
    print("%s; data %d, stale %d, dead %d" % (
        endpoint.url("main"), endpoint.ports["data"],
        endpoint.ports["stale"], endpoint.ports["dead"]),
        file=sys.stderr, flush=True)


async def _run(endpoint: Endpoint, quiet: bool) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    port = await endpoint.start()
    print(port, flush=True)
    if not quiet:
        _tell(endpoint)
    await stopped.wait()
    await endpoint.stop()


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Serves until a signal comes; the exit status."""
    options = parser().parse_args(arguments)
    try:
        file = None
        if options.log:
            file = (sys.stderr if options.log == "-" else
                    open(options.log, "a", encoding="utf-8"))
        endpoint = Endpoint(streams(options), key_store(options),
                            server_options(options), Log(file))
        asyncio.run(_run(endpoint, options.quiet))
    except (UsageError, LibraryError, OSError) as error:
        print("kvsparse.endpoint: %s" % error, file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
