"""The service's limits: calls a second, connections, budgets of points.

Knows counts and time; the numbers are those of the service's documentation.
0 means no limit.
"""

from __future__ import annotations

import collections
import time
from typing import Callable, Deque, Dict, Tuple

from .errors import ApiError

#: For each stream, but list_streams_tps.
DEFAULTS: Dict[str, float] = {
    "get_data_endpoint_tps": 5,
    "describe_stream_tps": 5,
    "list_streams_tps": 50,
    "get_media_tps": 5,
    "get_media_connections": 3,
    "get_media_for_fragment_list_connections": 5,
    "bytes_per_second": 25e6,
    "fragments_per_second": 5,
    "metadata_points": 10000,
    "media_points": 500,
}

_TPS = {"GetDataEndpoint": "get_data_endpoint_tps",
        "DescribeStream": "describe_stream_tps",
        "ListStreams": "list_streams_tps",
        "GetMedia": "get_media_tps"}
_CONNECTIONS = {
    "GetMedia": "get_media_connections",
    "GetMediaForFragmentList": "get_media_for_fragment_list_connections"}

Key = Tuple[str, str]


class Quotas:
    """Counts what is used; raises what the service would answer."""

    def __init__(self, limits: Dict[str, float],
                 clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = {**DEFAULTS, **limits}
        self._clock = clock
        self._calls: Dict[Key, Deque[float]] = {}
        self._points: Dict[Key, Tuple[float, float]] = {}
        self._open: Dict[Key, int] = {}

    def limit(self, name: str) -> float:
        """A limit's value."""
        return self.limits[name]

    def call(self, call: str, stream: str) -> None:
        """One call more; within any second there are not more than allowed."""
        name = _TPS.get(call)
        limit = self.limits[name] if name else 0
        if limit <= 0:
            return
        calls = self._calls.setdefault((call, stream), collections.deque())
        now = self._clock()
        while calls and calls[0] <= now - 1.0:
            calls.popleft()
        if len(calls) >= limit:
            raise ApiError("ClientLimitExceededException")
        calls.append(now)

    def points(self, budget: str, stream: str, cost: float) -> None:
        """Takes points from a budget that fills up within a second.

        A call that costs more than the whole budget is let through when the
        budget is full, and the next one has to wait until the debt is paid.
        """
        limit = self.limits[budget]
        if limit <= 0:
            return
        now = self._clock()
        left, then = self._points.get((budget, stream), (limit, now))
        left = min(limit, left + (now - then) * limit)
        if left < min(cost, limit):
            self._points[budget, stream] = (left, now)
            raise ApiError("ClientLimitExceededException")
        self._points[budget, stream] = (left - cost, now)

    def connect(self, call: str, stream: str) -> None:
        """One open session more; the newest is the one that is refused."""
        limit = self.limits[_CONNECTIONS[call]]
        opened = self._open.get((call, stream), 0)
        if 0 < limit <= opened:
            raise ApiError("ConnectionLimitExceededException")
        self._open[call, stream] = opened + 1

    def disconnect(self, call: str, stream: str) -> None:
        """A session is over."""
        self._open[call, stream] = self._open.get((call, stream), 1) - 1

    def connections(self, call: str, stream: str) -> int:
        """How many sessions are open."""
        return self._open.get((call, stream), 0)
