"""What is to go wrong, when, and how often.

A rule says for which calls it is, and what happens then:

    {"call": "GetMedia", "stream": "door", "skip": 1, "times": 1,
     "probability": 1.0, "fault": {"do": "cut", "bytes": [0, 60000]}}

or the same in words:  GetMedia cut bytes=[0,60000] stream=door skip=1 times=1

A number may be a list of two, from which one in between is drawn, by a seeded
generator; "faults" may be a list, of which one is drawn.  All rules that match
a call have their turn.  Knows no connection and no stream.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Sequence

from .errors import ApiError, STATUS

#: What can be done, and which settings each takes.
KINDS: Dict[str, Sequence[str]] = {
    "error": ("type", "status", "message", "key", "header", "uri", "type_key",
              "headers", "body"),
    "delay": ("seconds",),
    "cut": ("wire", "bytes", "fragments", "place", "plus"),
    "reset": ("wire", "bytes", "fragments", "place", "plus"),
    "end": ("bytes", "fragments", "place", "plus"),
    "silence": ("bytes", "fragments", "place", "plus", "seconds", "then"),
    "error_tags": ("bytes", "fragments", "place", "plus", "id", "code",
                   "where", "then"),
    "slow": ("bytes_per_second",),
    "chunks": ("size",),
    "no_tail": ("every",),
    "double": ("every",),
    "swap": ("every",),
    "no_cluster": ("every",),
    "replay": ("count",),
    "endpoint": ("answer",),
    "missing": ("number", "every", "code", "message"),
}
_RULE = ("call", "stream", "skip", "times", "probability")
THEN = ("on", "end", "cut", "reset")
PLACES = ("head", "cluster", "vint", "middle", "tail", "end")


class FaultError(ValueError):
    """A rule that makes no sense."""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong in one call."""

    do: str
    settings: Dict[str, Any]
    rng: random.Random

    def has(self, name: str) -> bool:
        """Whether a setting is given."""
        return name in self.settings

    def get(self, name: str, default: Any = None) -> Any:
        """A setting; of two numbers one in between."""
        return draw(self.settings.get(name, default), self.rng)

    def pair(self, name: str) -> "tuple[int, int]":
        """A setting that stays a range."""
        value = self.settings[name]
        if isinstance(value, list):
            return int(value[0]), int(value[1])
        return int(value), int(value)


def draw(value: Any, rng: random.Random) -> Any:
    """One number of a range; anything else as it is."""
    if not isinstance(value, list) or len(value) != 2:
        return value
    if all(isinstance(v, int) for v in value):
        return rng.randint(value[0], value[1])
    if all(isinstance(v, (int, float)) for v in value):
        return rng.uniform(value[0], value[1])
    return value


def _check(fault: Any) -> Dict[str, Any]:
    if not isinstance(fault, dict) or fault.get("do") not in KINDS:
        raise FaultError("a fault needs \"do\", one of %s: %r" %
                         (", ".join(KINDS), fault))
    for name in fault:
        if name != "do" and name not in KINDS[fault["do"]]:
            raise FaultError("%s takes no %s; it takes %s" % (
                fault["do"], name, ", ".join(KINDS[fault["do"]])))
    if fault.get("place", "head") not in PLACES:
        raise FaultError("place is one of " + ", ".join(PLACES))
    if fault.get("then", "on") not in THEN:
        raise FaultError("then is one of " + ", ".join(THEN))
    if fault["do"] == "error" and not ("type" in fault or "status" in fault):
        raise FaultError("error needs a type or a status")
    return dict(fault)


@dataclass
class Rule:
    """When which of its faults happens."""

    faults: List[Dict[str, Any]]
    call: str = "*"
    stream: Optional[str] = None
    skip: int = 0
    times: Optional[int] = None
    probability: float = 1.0
    seen: int = field(default=0, init=False)
    done: int = field(default=0, init=False)

    def matches(self, call: str, stream: Optional[str]) -> bool:
        """Whether it is about this call."""
        return (self.call in ("*", call) and
                (self.stream is None or self.stream == stream))

    def draw(self, rng: random.Random) -> Optional[Fault]:
        """What happens to the call at hand, which it matches."""
        self.seen += 1
        if self.seen <= self.skip:
            return None
        if self.times is not None and self.done >= self.times:
            return None
        if self.probability < 1.0 and rng.random() >= self.probability:
            return None
        self.done += 1
        settings = rng.choice(self.faults)
        return Fault(settings["do"], settings, rng)

    def state(self) -> Dict[str, Any]:
        """For the control path."""
        return {"call": self.call, "stream": self.stream, "skip": self.skip,
                "times": self.times, "probability": self.probability,
                "faults": self.faults, "seen": self.seen, "done": self.done}


def parse_rule(given: Any) -> Rule:
    """A rule from JSON."""
    if isinstance(given, str):
        return parse_words(given)
    if not isinstance(given, dict):
        raise FaultError("a rule is an object or words")
    known = set(_RULE) | {"fault", "faults"}
    for name in given:
        if name not in known:
            raise FaultError("a rule has no " + name)
    faults = given.get("faults")
    if faults is None:
        faults = [given.get("fault")]
    if not isinstance(faults, list) or not faults:
        raise FaultError("faults is a list")
    rule = Rule([_check(fault) for fault in faults])
    for name in _RULE:
        if name in given:
            setattr(rule, name, given[name])
    return rule


def _word(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def parse_words(text: str) -> Rule:
    """A rule in words: CALL DO NAME=VALUE..."""
    words = text.split()
    if len(words) < 2:
        raise FaultError("a fault is: CALL DO NAME=VALUE...")
    rule: Dict[str, Any] = {"call": words[0]}
    fault: Dict[str, Any] = {"do": words[1]}
    for word in words[2:]:
        name, equals, value = word.partition("=")
        if not equals:
            raise FaultError("NAME=VALUE is missing in %r" % word)
        target = rule if name in _RULE else fault
        target[name] = _word(value) if name != "number" else value
    rule["fault"] = fault
    return parse_rule(rule)


def chaos(rate: float, size: int = 65536) -> List[Rule]:
    """Everything that a client has to survive, at that rate of its calls."""
    throttle = [{"do": "error", "type": name} for name in (
        "ClientLimitExceededException", "ConnectionLimitExceededException",
        "ThrottlingException", "InternalFailure", "ServiceUnavailable")]
    anywhere = {"bytes": [0, size]}
    broken: List[Dict[str, Any]] = [
        {"do": "cut", **anywhere}, {"do": "reset", **anywhere},
        {"do": "cut", "wire": [0, 400]}, {"do": "reset", "wire": [0, 400]},
        {"do": "end", **anywhere}, {"do": "end", "fragments": [0, 20]},
        {"do": "end", "fragments": [0, 20], "place": "tail"},
        {"do": "silence", **anywhere, "seconds": [0.0, 0.3]},
        {"do": "silence", **anywhere, "seconds": 0.2, "then": "reset"},
        {"do": "error_tags", "fragments": [0, 20], "id": 3002},
        {"do": "error_tags", "fragments": [0, 20], "id": 5000},
        {"do": "replay", "count": [1, 3]}, {"do": "double", "every": 3},
        {"do": "chunks", "size": [1, 4096]},
        {"do": "no_cluster", "every": 5},
    ]
    media = Rule([_check(f) for f in broken + throttle], "GetMedia",
                 probability=rate)
    calls = Rule([_check(f) for f in throttle + [
        {"do": "cut", "wire": [0, 300]}, {"do": "reset", "wire": [0, 300]},
        {"do": "delay", "seconds": [0.0, 0.2]}]], "GetDataEndpoint",
        probability=rate)
    return [media, calls]


class Faults:
    """All rules, and the generator that they draw from."""

    def __init__(self, rules: Sequence[Rule], seed: int) -> None:
        self.rules = list(rules)
        self.seed = seed
        self.rng = random.Random(seed)

    def choose(self, call: str, stream: Optional[str]) -> List[Fault]:
        """What happens to this call."""
        found = [rule.draw(self.rng) for rule in self.rules
                 if rule.matches(call, stream)]
        return [fault for fault in found if fault is not None]


def error_of(fault: Fault) -> ApiError:
    """The answer that an "error" fault asks for."""
    status = fault.get("status")
    name = fault.get("type")
    if name is None:
        name = {400: "InvalidArgumentException", 401: "NotAuthorizedException",
                403: "AccessDeniedException", 404: "ResourceNotFoundException",
                500: "InternalFailure", 503: "ServiceUnavailable",
                }.get(int(status), "InternalFailure")
    if status is None and name not in STATUS:
        status = 400
    return ApiError(
        str(name), fault.get("message"),
        status=None if status is None else int(status), key=fault.get("key"),
        header=bool(fault.get("header", True)),
        uri=bool(fault.get("uri", False)), type_key=fault.get("type_key"),
        headers=fault.settings.get("headers"), body=fault.get("body"))
