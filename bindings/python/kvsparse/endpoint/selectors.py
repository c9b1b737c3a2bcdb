"""StartSelector and FragmentSelector: where a request wants to begin.

Knows the request's fields and the stream's fragments; nothing of HTTP.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List, Optional, Tuple

from .errors import invalid
from .streams import Stream

START_TYPES = ("FRAGMENT_NUMBER", "SERVER_TIMESTAMP", "PRODUCER_TIMESTAMP",
               "NOW", "EARLIEST", "CONTINUATION_TOKEN")
RANGE_TYPES = ("PRODUCER_TIMESTAMP", "SERVER_TIMESTAMP")

_DIGITS = re.compile(r"[0-9]{1,128}")
_TOKEN = re.compile(r"[a-zA-Z0-9_.\-]{1,128}")


def number_of(value: Any, name: str) -> str:
    """A fragment number, as the model wants it."""
    if not isinstance(value, str) or not _DIGITS.fullmatch(value):
        raise invalid("%s must be 1 to 128 digits." % name)
    return value


def time_of(value: Any, name: str) -> int:
    """A time in the request, Unix seconds, as milliseconds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise invalid("%s must be a time in seconds." % name)
    if not 0 <= value < 1e11:
        raise invalid("%s is out of range." % name)
    return round(value * 1000)


def _resume(stream: Stream, number: str, inclusive: bool) -> int:
    found = stream.index_of(number)
    if inclusive and found is not None:
        return found
    return stream.after(number)


def _by_time(stream: Stream, moment: int, producer: bool) -> int:
    """The fragment that holds this time, or else the first later one."""
    first, last = stream.earliest(), stream.complete() + 1
    if stream.count is not None:
        last = min(last, stream.count)
    best = last
    for index in range(first, last):
        fragment = stream.fragment(index)
        begin = fragment.producer_ms if producer else fragment.server_ms
        length = fragment.duration_ms
        if not producer and index + 1 < last:
            length = max(1, stream.fragment(index + 1).server_ms - begin)
        if begin <= moment < begin + length:
            return index
        if begin > moment and best == last:
            best = index
            if not producer:
                return index
    return best


def _latest(stream: Stream, now: str) -> int:
    """NOW: with the fragment that is being made, the one before or after."""
    current = stream.complete()
    if stream.count is not None:
        current = min(current, stream.count - 1)
    if now == "last":
        return max(0, current - 1)
    return current + 1 if now == "next" else current


def start(stream: Stream, selector: Any, inclusive: bool = False,
          now: str = "current") -> int:
    """The index of the fragment that a GetMedia session begins with."""
    if not isinstance(selector, dict):
        raise invalid("StartSelector is required.")
    kind = selector.get("StartSelectorType")
    if kind not in START_TYPES:
        raise invalid("StartSelectorType must be one of %s." %
                      ", ".join(START_TYPES))
    earliest = stream.earliest()
    if kind == "EARLIEST":
        return earliest
    if kind == "NOW":
        return max(earliest, _latest(stream, now))
    if kind == "FRAGMENT_NUMBER":
        number = number_of(selector.get("AfterFragmentNumber"),
                           "AfterFragmentNumber")
        return max(earliest, _resume(stream, number, inclusive))
    if kind == "CONTINUATION_TOKEN":
        return max(earliest, _resume(stream, _token(selector), inclusive))
    moment = time_of(selector.get("StartTimestamp"), "StartTimestamp")
    return _by_time(stream, moment, kind == "PRODUCER_TIMESTAMP")


def _token(selector: Dict[str, Any]) -> str:
    token = selector.get("ContinuationToken")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise invalid("ContinuationToken is required.")
    if not token.isdigit():
        raise invalid("ContinuationToken is not one of this stream's.")
    return token


def time_range(selector: Any) -> Tuple[str, int, int]:
    """FragmentSelector: its type, begin and end in ms."""
    if not isinstance(selector, dict):
        raise invalid("FragmentSelector is required without NextToken.")
    kind = selector.get("FragmentSelectorType")
    if kind not in RANGE_TYPES:
        raise invalid("FragmentSelectorType must be one of %s." %
                      ", ".join(RANGE_TYPES))
    span = selector.get("TimestampRange")
    if not isinstance(span, dict):
        raise invalid("TimestampRange is required.")
    begin = time_of(span.get("StartTimestamp"), "StartTimestamp")
    end = time_of(span.get("EndTimestamp"), "EndTimestamp")
    if end < begin:
        raise invalid("EndTimestamp is before StartTimestamp.")
    return str(kind), begin, end


def in_range(stream: Stream, kind: str, begin: int, end: int,
             limit: Optional[int] = None) -> List[int]:
    """The complete fragments that begin in the range, both ends included."""
    last = stream.complete(stream.settings.list_delay)
    if limit is not None:
        last = min(last, limit)
    found = []
    for index in range(stream.earliest(), last):
        fragment = stream.fragment(index)
        moment = (fragment.producer_ms if kind == "PRODUCER_TIMESTAMP"
                  else fragment.server_ms)
        if begin <= moment <= end:
            found.append(index)
    return found
