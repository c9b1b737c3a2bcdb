"""The endpoint's own paths under /_endpoint, for tests: no signature there.

    GET  /_endpoint             what there is: streams, rules, sessions
    GET  /_endpoint/log?after=N the calls so far, from the Nth on
    PUT  /_endpoint/rules       a list of rules instead of those there are
    POST /_endpoint/rules       a list of rules more
    PUT  /_endpoint/quotas      {"get_media_tps": 0}
    POST /_endpoint/expire      {"access_key": "..."}; {}: all temporary keys
    POST /_endpoint/clock       {"offset": 600}: the service's clock is ahead
    POST /_endpoint/rotate      {}: data endpoints handed out so far are stale
    POST /_endpoint/end         {"how": "reset"}: open sessions end
                                (end, cut, reset; "stream" for one's only)
    POST /_endpoint/stream      {"name": "door", "paused": true,
                                 "status": "ACTIVE"}

Each answers with JSON.  Loopback only.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Dict, Tuple
from urllib.parse import parse_qs

from .faults import FaultError, parse_rule
from .http import Request
from .quotas import DEFAULTS

if TYPE_CHECKING:
    from .server import Endpoint

PREFIX = "/_endpoint"


class ControlError(Exception):
    """The request makes no sense."""


def _state(endpoint: "Endpoint") -> Dict[str, Any]:
    streams = {}
    for name, stream in endpoint.service.streams.items():
        clock = stream.clock()
        streams[name] = {
            "arn": stream.arn, "status": stream.status,
            "paused": stream.paused, "count": stream.count,
            "complete": stream.complete(), "earliest": stream.earliest(),
            "clock": None if clock == float("inf") else clock,
            "sessions": endpoint.quotas.connections("GetMedia", name)}
    return {"streams": streams, "calls": endpoint.log.count,
            "rules": [rule.state() for rule in endpoint.faults.rules],
            "seed": endpoint.faults.seed, "quotas": endpoint.quotas.limits,
            "clock_offset": endpoint.store.offset,
            "data_endpoint": endpoint.data_endpoint()}


def _rules(endpoint: "Endpoint", method: str, body: Any) -> Dict[str, Any]:
    if not isinstance(body, list):
        raise ControlError("rules are a list")
    rules = [parse_rule(rule) for rule in body]
    kept = [] if method == "PUT" else endpoint.faults.rules
    endpoint.faults.rules = kept + rules
    return {"rules": len(endpoint.faults.rules)}


def _quotas(endpoint: "Endpoint", body: Dict[str, Any]) -> Dict[str, Any]:
    for name, value in body.items():
        if name not in DEFAULTS:
            raise ControlError("there is no quota " + name)
        endpoint.quotas.limits[name] = float(value)
    return {"quotas": endpoint.quotas.limits}


def _stream(endpoint: "Endpoint", body: Dict[str, Any]) -> Dict[str, Any]:
    stream = endpoint.service.streams.get(str(body.get("name")))
    if stream is None:
        raise ControlError("there is no such stream")
    if body.get("paused") is True:
        stream.pause()
    elif body.get("paused") is False:
        stream.resume()
    if "status" in body:
        stream.status = str(body["status"])
    return {"name": stream.name, "paused": stream.paused,
            "status": stream.status}


async def _post(endpoint: "Endpoint", path: str,
                body: Dict[str, Any]) -> Dict[str, Any]:
    if path == "expire":
        return {"expired": endpoint.store.expire(body.get("access_key"))}
    if path == "clock":
        endpoint.store.offset = float(body["offset"])
        return {"offset": endpoint.store.offset}
    if path == "rotate":
        await endpoint.rotate()
        return {"data_endpoint": endpoint.data_endpoint()}
    if path == "end":
        how = body.get("how", "reset")
        if how not in ("end", "cut", "reset"):
            raise ControlError("how is end, cut or reset")
        return {"ended": endpoint.end_sessions(str(how), body.get("stream"))}
    if path == "stream":
        return _stream(endpoint, body)
    raise ControlError("there is no /_endpoint/" + path)


async def _do(endpoint: "Endpoint", request: Request) -> Any:
    path = request.path[len(PREFIX):].strip("/")
    if request.method == "GET" and not path:
        return _state(endpoint)
    if request.method == "GET" and path == "log":
        after = parse_qs(request.query).get("after", ["0"])[0]
        return endpoint.log.entries(int(after))
    try:
        body = json.loads(request.body or b"{}")
    except ValueError:
        raise ControlError("the body is no JSON") from None
    if path == "rules" and request.method in ("PUT", "POST"):
        return _rules(endpoint, request.method, body)
    if not isinstance(body, dict):
        raise ControlError("the body is an object")
    if path == "quotas" and request.method == "PUT":
        return _quotas(endpoint, body)
    if request.method == "POST":
        return await _post(endpoint, path, body)
    raise ControlError("there is no such path")


async def answer(endpoint: "Endpoint",
                 request: Request) -> Tuple[int, Dict[str, str], bytes]:
    """The answer to a control request."""
    status, result = 200, None
    try:
        result = await _do(endpoint, request)
    except (ControlError, FaultError, KeyError, TypeError, ValueError) as e:
        status, result = 400, {"error": str(e)}
    return (status, {"Content-Type": "application/json"},
            json.dumps(result).encode())
