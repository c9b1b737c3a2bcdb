"""A named stream: its fragments one after the other, each at its time.

Knows which fragments there are at a moment, their numbers, times and bytes;
knows nothing of HTTP.  The stream's own clock counts seconds of media: at
pace 1 as fast as the wall's, at pace 0 everything is there from the start.
The clock stands still while the stream is paused: a producer that is gone.
"""

from __future__ import annotations

import bisect
import itertools
import time
from dataclasses import dataclass
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from . import documents
from .recordings import Cluster, Template

#: What all numbers made here begin with; the service's have 47 digits, too.
NUMBER_PREFIX = "91343852333181"
LATENCY_MS = 250


@dataclass(frozen=True)
class Fragment:
    """One fragment with the number and the times that it has here."""

    index: int
    number: str
    server_ms: int
    producer_ms: int
    duration_ms: int
    #: When it begins and ends on the stream's clock, in seconds.
    begin: float
    end: float


@dataclass(frozen=True)
class Layout:
    """How documents are written, where that is to differ from the recording."""

    cluster: str = ""        # unknown, sized, sized4
    void: int = 0            # bytes of a Void element before the head tags
    long_names: bool = False  # SERVER_SIDE_TIMESTAMP, in fragment lists


@dataclass(frozen=True)
class Rendered:
    """A fragment's bytes and where things stand in them."""

    data: bytes
    #: head, cluster, vint, middle, tail, end: offsets.
    marks: Dict[str, int]
    #: When a producer would have sent up to there: (seconds, offset).
    schedule: List[Tuple[float, int]]


@dataclass
class Settings:
    """How a stream is served."""

    pace: float = 1.0
    loop: Optional[int] = None       # None: for ever
    recorded: bool = False           # keep the recording's numbers and times
    history: float = 0.0             # seconds of media that are there at start
    keep: Optional[float] = None     # seconds that EARLIEST goes back
    retention_hours: int = 24
    media_type: str = "video/h264"
    layout: Layout = Layout()
    producer_shift_ms: int = 0       # each second fragment's producer time
    list_delay: float = 0.0          # seconds until ListFragments knows it


class _Timeline:
    """Where the fragments of a recording begin, loop after loop."""

    def __init__(self, begins: Sequence[int], period: int) -> None:
        self.begins = list(begins)
        self.period = period

    def at(self, index: int) -> int:
        """Milliseconds from the stream's first fragment to this one."""
        loops, k = divmod(index, len(self.begins))
        return loops * self.period + self.begins[k]


def _cumulated(templates: Sequence[Template]) -> _Timeline:
    begins = [0] + list(itertools.accumulate(t.duration_ms for t in templates))
    return _Timeline(begins[:-1], begins[-1])


def _recorded(values: Sequence[Optional[int]], last_ms: int,
              fallback: _Timeline) -> _Timeline:
    """By recorded times; where there are none, by durations."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return fallback
    begins = [value - known[0] for value in known]
    return _Timeline(begins, max(begins) + last_ms - min(begins))


class Stream:
    """Fragments by index, from 0 on."""

    def __init__(self, name: str, templates: Sequence[Template],
                 settings: Settings, region: str = "us-west-2",
                 account: str = "123456789012",
                 wall: Callable[[], float] = time.time) -> None:
        if settings.pace == 0 and settings.loop is None:
            raise ValueError("at pace 0 a stream needs an end: give --loop N")
        self.name = name
        self.templates = list(templates)
        self.settings = settings
        self.status = "ACTIVE"
        self.wall = wall
        self._durations = _cumulated(templates)
        self.count = (None if settings.loop is None
                      else settings.loop * len(templates))
        if settings.pace == 0:
            self._history = float("inf")
        else:
            self._history = settings.history
        self._started = wall()
        self._paused_at: Optional[float] = None
        self._pauses: List[Tuple[float, float]] = []  # stream clock, seconds
        self._set_times()
        self.created = self._epoch_ms / 1000.0 - 3600
        self.arn = "arn:aws:kinesisvideo:%s:%s:stream/%s/%d" % (
            region, account, name, int(self.created * 1000))

    # -- the clock -----------------------------------------------------------

    def clock(self) -> float:
        """Seconds of media that are there by now."""
        if self.settings.pace == 0:
            return float("inf")
        until = self.wall() if self._paused_at is None else self._paused_at
        paused = sum(length for _, length in self._pauses)
        return (self._history +
                (until - self._started - paused) * self.settings.pace)

    def seconds_until(self, moment: float) -> float:
        """How long to wait for a moment of the stream's clock."""
        left = moment - self.clock()
        if left <= 0:
            return 0.0
        return left / self.settings.pace if self._paused_at is None else left

    def pause(self) -> None:
        """The producer is gone."""
        if self._paused_at is None:
            self._paused_at = self.wall()

    def resume(self) -> None:
        """The producer is back."""
        if self._paused_at is not None:
            at, now = self.clock(), self.wall()
            self._pauses.append((at, now - self._paused_at))
            self._paused_at = None

    @property
    def paused(self) -> bool:
        """Whether the producer is gone."""
        return self._paused_at is not None

    # -- which fragments there are -------------------------------------------

    def begin(self, index: int) -> float:
        """When a fragment begins on the stream's clock."""
        return self._durations.at(index) / 1000.0

    def at(self, moment: float) -> int:
        """The fragment that is being made at that moment of the clock."""
        if moment == float("inf"):
            return self.count if self.count is not None else 0
        loops, rest = divmod(max(0.0, moment) * 1000, self._durations.period)
        k = bisect.bisect_right(self._durations.begins, rest) - 1
        index = int(loops) * len(self.templates) + k
        return index if self.count is None else min(index, self.count)

    def complete(self, delay: float = 0.0) -> int:
        """How many fragments are complete by now."""
        return self.at(self.clock() - delay)

    def earliest(self) -> int:
        """The oldest fragment that is kept."""
        keep = self.settings.keep
        if keep is None:
            return 0
        clock = self.clock()
        if clock == float("inf"):  # all is there: from the end back
            clock = self._durations.at(self.count or 0) / 1000.0
        return self.at(max(0.0, clock - keep))

    def exists(self, index: int) -> bool:
        """Whether a fragment has begun (or is going to, for ever)."""
        return self.count is None or index < self.count

    def over(self, index: int) -> bool:
        """Whether the stream ends before that fragment."""
        return not self.exists(index)

    # -- numbers and times ---------------------------------------------------

    def _set_times(self) -> None:
        templates, durations = self.templates, self._durations
        last = templates[-1].duration_ms
        numbers = [int(t.number) for t in templates if t.number]
        rising = all(a < b for a, b in zip(numbers, numbers[1:]))
        self._numbers: Optional[List[int]] = None
        if self.settings.recorded and numbers and rising and (
                len(numbers) == len(templates)):
            self._numbers = numbers
            mean = (numbers[-1] - numbers[0]) // max(1, len(numbers) - 1)
            self._number_step = numbers[-1] - numbers[0] + max(1, mean)
            self._number_width = max(len(t.number or "") for t in templates)
        if self.settings.recorded:
            self._server = _recorded([t.server_ms for t in templates], last,
                                     durations)
            self._producer = _recorded([t.producer_ms for t in templates],
                                       last, durations)
        else:
            self._server = self._producer = durations
        self._set_epoch()
        clusters = [t.cluster for t in templates if t.cluster is not None]
        self._cluster_period = self._period_of(clusters)

    def _set_epoch(self) -> None:
        first = self.templates[0]
        if self.settings.recorded and first.server_ms is not None:
            self._epoch_ms = first.server_ms
            self._producer_epoch_ms = (first.server_ms if first.producer_ms
                                       is None else first.producer_ms)
            return
        history = self._history
        if history == float("inf"):
            history = self._durations.at(self.count or 0) / 1000.0
        self._epoch_ms = round((self._started - history) * 1000)
        self._producer_epoch_ms = self._epoch_ms - LATENCY_MS

    def _period_of(self, clusters: Sequence[Cluster]) -> int:
        """How much later a loop's Clusters are than those of the last one."""
        if not clusters:
            return self._durations.period
        times = [cluster.timestamp_ms for cluster in clusters]
        span = round(max(times) - min(times))
        return max(self._durations.period,
                   span + self.templates[-1].duration_ms)

    def _paused_before(self, moment: float) -> int:
        return round(1000 * sum(length for at, length in self._pauses
                                if at <= moment))

    def fragment(self, index: int) -> Fragment:
        """A fragment's number and times."""
        template = self.templates[index % len(self.templates)]
        begin = self.begin(index)
        late = 0 if self.settings.recorded else self._paused_before(begin)
        server = self._epoch_ms + self._server.at(index) + late
        producer = self._producer_epoch_ms + self._producer.at(index) + late
        if self.settings.producer_shift_ms and index % 2:
            producer = max(0, producer + self.settings.producer_shift_ms)
        return Fragment(index, self.number(index), server, producer,
                        template.duration_ms, begin, self.begin(index + 1))

    def number(self, index: int) -> str:
        """A fragment's number."""
        if self._numbers is not None:
            loops, k = divmod(index, len(self._numbers))
            value = self._numbers[k] + loops * self._number_step
            return str(value).rjust(self._number_width, "0")
        # Times alone could repeat: the index makes it unique and rising.
        first = self._epoch_ms
        return "%s%013d%020d" % (NUMBER_PREFIX, first, index)

    def index_of(self, number: str) -> Optional[int]:
        """Which fragment has this number."""
        index = self.after(number) - 1
        if index >= 0 and self.number(index) == number:
            return index
        return None

    def after(self, number: str) -> int:
        """The first fragment whose number is larger."""
        wanted = int(number)
        low, high = 0, 1
        while int(self.number(high - 1)) <= wanted and (
                self.count is None or high <= self.count) and high < 1 << 40:
            low, high = high, high * 2
        while low < high:
            middle = (low + high) // 2
            if int(self.number(middle)) <= wanted:
                low = middle + 1
            else:
                high = middle
        return low if self.count is None else min(low, self.count)

    def behind_ms(self, fragment: Fragment) -> int:
        """AWS_KINESISVIDEO_MILLIS_BEHIND_NOW at a fragment's end."""
        template = self.templates[fragment.index % len(self.templates)]
        if (self.settings.recorded and template.behind_ms is not None and
                fragment.index < len(self.templates)):
            return template.behind_ms
        clock = self.clock()
        if clock == float("inf"):
            clock = self._durations.at(self.count or 0) / 1000.0
        return max(0, round((clock - fragment.end) * 1000))

    # -- bytes ---------------------------------------------------------------

    def render(self, fragment: Fragment, tail: bool = True,
               archived: bool = False) -> Rendered:
        """A fragment as GetMedia sends it, or as an archived one."""
        template = self.templates[fragment.index % len(self.templates)]
        layout = self.settings.layout
        head = template.head
        if layout.void:
            head += documents.element(documents.ID_VOID, bytes(layout.void))
        tags = documents.head_tags(fragment.number, fragment.server_ms,
                                   fragment.producer_ms,
                                   archived and layout.long_names)
        cluster = self._cluster(template, fragment)
        body = cluster.data if cluster is not None else b""
        end_tags = b""
        if tail and not archived:
            end_tags = documents.tail_tags(self.behind_ms(fragment),
                                           fragment.number)
        data = b"".join([head, tags, body, template.after, end_tags])
        at = len(head) + len(tags)
        size_field = cluster.header_size - 4 if cluster is not None else 0
        marks = {"head": len(head), "cluster": at,
                 "vint": at + 4 + size_field // 2, "middle": at + len(body) // 2,
                 "tail": len(data) - len(end_tags), "end": len(data)}
        return Rendered(data, marks, self._schedule(fragment, cluster, at,
                                                    len(data)))

    def _cluster(self, template: Template,
                 fragment: Fragment) -> Optional[Cluster]:
        cluster = template.cluster
        if cluster is None:
            return None
        return cluster.moved(self._shift(template, cluster, fragment)).sized(
            self.settings.layout.cluster)

    def _shift(self, template: Template, cluster: Cluster,
               fragment: Fragment) -> int:
        """How much later the Cluster is than in the recording."""
        loops = fragment.index // len(self.templates)
        original = round(cluster.timestamp_ms)
        absolute = original > 1 << 39  # 1987: no session lasts that long
        if absolute and not self.settings.recorded:
            return fragment.producer_ms - original
        if absolute:
            return loops * self._producer.period
        return loops * self._cluster_period

    @staticmethod
    def _schedule(fragment: Fragment, cluster: Optional[Cluster], at: int,
                  end: int) -> List[Tuple[float, int]]:
        if cluster is None or not cluster.blocks:
            return [(0.0, end)]
        first = min(ms for ms, _ in cluster.blocks)
        schedule = [(0.0, at)]
        latest = 0.0
        for ms, stop in cluster.blocks:
            latest = max(latest, (ms - first) / 1000.0)
            schedule.append((min(latest, fragment.duration_ms / 1000.0),
                             at + stop))
        schedule.append((fragment.duration_ms / 1000.0, end))
        return schedule
