"""A session of GetMedia or GetMediaForFragmentList: fragments to a client.

Knows streams, faults and a connection's body; nothing of requests.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Sequence

from . import documents
from .faults import Fault
from .http import Connection
from .streams import Fragment, Rendered, Stream

POLL = 0.25  # seconds: how soon a paused stream is seen to go on


class Finish(Exception):
    """The session ends here, properly."""


@dataclass
class Limits:
    """How long and how fast a session goes."""

    idle: Optional[float] = 3.0       # seconds without a producer; None: wait
    session: Optional[float] = 2700.0
    fragments_per_second: float = 0.0


@dataclass
class Tally:
    """What a session has sent."""

    bytes: int = 0
    fragments: int = 0
    first: Optional[str] = None
    last: Optional[str] = None
    end: str = "clean"

    def state(self) -> Dict[str, Any]:
        """For the log."""
        return {"bytes": self.bytes, "fragments": self.fragments,
                "first": self.first, "last": self.last, "end": self.end}


@dataclass
class _Stop:
    """Something that happens at a place in the body."""

    fault: Fault
    position: Optional[int] = None    # in the body, once that is known
    fragments: Optional[int] = None   # after so many whole ones
    place: Optional[str] = None
    plus: int = 0
    done: bool = field(default=False)

    @property
    def breaks(self) -> bool:
        """Whether a chunk is left open there."""
        return self.fault.do in ("cut", "reset")


def _stop(fault: Fault) -> _Stop:
    place = fault.get("place")
    fragments = fault.get("fragments")
    if fragments is None and place is not None:
        fragments = 0
    plus = int(fault.get("plus", 0))
    position = fault.get("bytes")
    if fragments is not None and position is not None:  # inside of that one
        plus += int(position)
        place, position = place or "begin", None
    if fragments is None and position is None:
        position = 0
    return _Stop(fault, None if position is None else int(position),
                 None if fragments is None else int(fragments), place, plus)


class Session:
    """Sends fragments until something ends it."""

    def __init__(self, connection: Connection, stream: Stream,
                 faults: Sequence[Fault], limits: Limits,
                 rng: random.Random) -> None:
        self.connection = connection
        self.stream = stream
        self.limits = limits
        self.tally = Tally()
        self.rng = rng
        self._stops = [_stop(fault) for fault in faults if fault.do in (
            "cut", "reset", "end", "silence", "error_tags")
            and not fault.has("wire")]
        self._every = {fault.do: max(1, int(fault.get("every", 1)))
                       for fault in faults if fault.do in (
                           "no_tail", "double", "swap", "no_cluster")}
        self._clock = asyncio.get_running_loop().time
        self._begun = self._clock()
        self._busy = self._begun      # when bytes were sent last
        self._next_fragment = 0.0
        self._index: Optional[int] = None  # of the fragment at hand
        #: end, cut or reset: somebody else wants the session to end.
        self.ordered: Optional[str] = None

    # -- what is sent --------------------------------------------------------

    async def media(self, index: int) -> None:
        """Live media from this fragment on, until the session's end."""
        self._index = index
        await self._reached(0)
        while True:
            self._index = index
            await self._wait(index)
            order = self._order(index)
            for k in order:
                await self._fragment(k)
            index += len(order)

    async def fragments(self, numbers: Sequence[Any],
                        missing: Dict[str, "tuple[int, str]"]) -> None:
        """Archived fragments; those that are missing as tags that say so."""
        await self._reached(0)
        for number in numbers:
            index = None if number in missing else self.stream.index_of(number)
            if index is None:
                code, message = missing.get(
                    number, (4000, "The fragment was not found."))
                await self._emit(documents.bare_document(
                    documents.exception_tags(number, code, message)))
                continue
            fragment = self.stream.fragment(index)
            await self._whole(fragment, self.stream.render(
                fragment, tail=False, archived=True))

    def _order(self, index: int) -> List[int]:
        """This fragment; with "swap", at times the next one before it."""
        every = self._every.get("swap")
        if every and self.tally.fragments % every == 0 and (
                self.stream.complete() > index + 1):
            return [index + 1, index]
        return [index]

    async def _fragment(self, index: int) -> None:
        count = self.tally.fragments + 1
        if self._turn("no_cluster", count):
            await self._emit(documents.bare_document(
                documents.service_tags([("NOTE", "no media here")])))
        await self._pace_fragments()
        fragment = self.stream.fragment(index)
        rendered = self.stream.render(
            fragment, tail=not self._turn("no_tail", count))
        await self._whole(fragment, rendered)
        if self._turn("double", count):
            await self._emit(rendered.data)

    def _turn(self, what: str, count: int) -> bool:
        every = self._every.get(what)
        return every is not None and count % every == 0

    async def _whole(self, fragment: Fragment, rendered: Rendered) -> None:
        self._index = fragment.index
        self._resolve(rendered)
        sent = 0
        for moment, stop in self._steps(fragment, rendered):
            if moment is not None:
                await self._until(moment)
            await self._emit(rendered.data[sent:stop])
            sent = stop
        self.tally.fragments += 1
        self.tally.first = self.tally.first or fragment.number
        self.tally.last = fragment.number
        self._index = fragment.index + 1
        await self._reached(self.tally.fragments)

    def _steps(self, fragment: Fragment,
               rendered: Rendered) -> "List[tuple[Optional[float], int]]":
        if self.stream.clock() >= fragment.end:
            return [(None, len(rendered.data))]
        return [(fragment.begin + after, stop)
                for after, stop in rendered.schedule]

    # -- time ----------------------------------------------------------------

    async def _wait(self, index: int) -> None:
        """Until the fragment begins."""
        if self.stream.over(index):
            while True:
                await self._idle()
        await self._until(self.stream.begin(index))

    async def _until(self, moment: float) -> None:
        while True:
            left = self.stream.seconds_until(moment)
            if left <= 0:
                return
            if self.stream.paused:
                await self._idle()
            else:
                await self._check()
                await self.connection.sleep(min(left, POLL))

    async def _idle(self) -> None:
        """Nothing comes: a little wait, or the end."""
        await self._check()
        left = POLL
        if self.limits.idle is not None:
            left = self._busy + self.limits.idle - self._clock()
            if left <= 0:
                self.tally.end = "idle"
                raise Finish
        await self.connection.sleep(min(left, POLL))

    async def _check(self) -> None:
        if self.ordered is not None:
            await self._then(self.ordered)
        limit = self.limits.session
        if limit is not None and self._clock() - self._begun >= limit:
            self.tally.end = "session"
            raise Finish

    async def _pace_fragments(self) -> None:
        rate = self.limits.fragments_per_second
        if rate <= 0:
            return
        now = self._clock()
        if self._next_fragment > now:
            await self.connection.sleep(self._next_fragment - now)
        self._next_fragment = max(now, self._next_fragment) + 1.0 / rate

    # -- bytes, and what happens at them -------------------------------------

    def _resolve(self, rendered: Rendered) -> None:
        """Where in the body the stops of the fragment at hand are."""
        marks = {**rendered.marks, "begin": 0}
        for stop in self._stops:
            if (stop.position is None and stop.place is not None and
                    stop.fragments == self.tally.fragments):
                inside = marks[stop.place] + stop.plus
                inside = min(max(0, inside), len(rendered.data))
                stop.position = self.tally.bytes + inside

    async def _reached(self, fragments: int) -> None:
        """So many fragments are sent: the stops that wait for that."""
        for stop in self._stops:
            if (not stop.done and stop.place is None and
                    stop.position is None and stop.fragments == fragments):
                await self._act(stop)

    async def _emit(self, data: bytes) -> None:
        """Sends, and does at each place what is to happen there."""
        await self._check()
        while True:
            stop = self._next_stop(len(data))
            if stop is None or stop.position is None:
                await self._send(data, 0)
                return
            ahead = stop.position - self.tally.bytes
            rest = len(data) - ahead
            await self._send(data[:ahead], rest if stop.breaks else 0)
            data = data[ahead:]
            await self._act(stop)

    def _next_stop(self, size: int) -> Optional[_Stop]:
        first = self.tally.bytes
        found: Optional[_Stop] = None
        for stop in self._stops:
            if stop.done or stop.position is None or not (
                    first <= stop.position <= first + size):
                continue
            if found is None or stop.position < (found.position or 0):
                found = stop
        return found

    async def _send(self, data: bytes, announced: int) -> None:
        if not data:
            return
        self.tally.bytes += len(data)
        await self.connection.send(data, announced)
        self._busy = self._clock()

    async def _act(self, stop: _Stop) -> None:
        stop.done = True
        fault = stop.fault
        if fault.do == "silence":
            await self._silent(float(fault.get("seconds", 3600.0)))
            await self._then(str(fault.get("then", "on")))
        elif fault.do == "error_tags":
            await self._error_tags(fault)
            await self._then(str(fault.get("then", "end")))
        else:
            await self._then(fault.do)

    async def _then(self, what: str) -> None:
        if what == "on":
            return
        self.tally.end = what
        if what == "cut":
            await self.connection.cut()
        if what == "reset":
            await self.connection.reset()
        raise Finish

    async def _silent(self, seconds: float) -> None:
        end = self._clock() + seconds
        while self._clock() < end:
            await self._check()
            await self.connection.sleep(min(POLL, end - self._clock()))
        self._busy = self._clock()

    async def _error_tags(self, fault: Fault) -> None:
        """An error in the stream, with the number of the fragment at hand.

        where=document: a document of its own; cluster: the fragment, with
        these tags instead of its own; tags: the tags as they are, at the end
        of what was sent.
        """
        error_id = int(fault.get("id", 3002))
        code = str(fault.get("code", documents.ERROR_CODES.get(
            error_id, "INTERNAL_ERROR")))
        index = self._index or 0
        tags = documents.error_tags(self.stream.number(index), error_id, code)
        where = fault.get("where", "document")
        if where == "cluster":
            whole = self.stream.render(self.stream.fragment(index))
            tags = (whole.data[:whole.marks["head"]] + tags +
                    whole.data[whole.marks["cluster"]:whole.marks["tail"]])
        elif where == "document":
            tags = documents.bare_document(tags)
        await self._send(tags, 0)
