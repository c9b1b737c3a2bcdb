"""A recording, taken apart into fragments that can be told anew.

Each fragment is kept as the producer's bytes (what stands before its Cluster,
the Cluster, what follows it) without the service's tags; those are written
again, with whatever number and times the fragment is to have.  Recordings are
GetMedia's output, or any Matroska file: there each Cluster becomes a fragment.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Dict, Iterator, List, Optional, Tuple

from . import documents, elements

ID_INFO_SCALE = 0x2AD7B1
ID_TIMESTAMP = 0xE7
ID_SIMPLE_BLOCK = 0xA3
ID_BLOCK = 0xA1
ID_TAG_NAME = 0x45A3
ID_TAG_STRING = 0x4487

SERVICE_TAGS = frozenset(documents.PREFIX + name for name in (
    "FRAGMENT_NUMBER", "SERVER_TIMESTAMP", "PRODUCER_TIMESTAMP",
    "SERVER_SIDE_TIMESTAMP", "PRODUCER_SIDE_TIMESTAMP", "MILLIS_BEHIND_NOW",
    "CONTINUATION_TOKEN", "ERROR_ID", "ERROR_CODE", "EXCEPTION_ERROR_CODE",
    "EXCEPTION_MESSAGE"))

Tags = List[Tuple[str, str]]


class RecordingError(Exception):
    """The file holds no fragment."""


@dataclass(frozen=True)
class Cluster:
    """A Cluster's bytes, and what has to be known to give it another time."""

    data: bytes
    header_size: int
    known_size: bool
    timestamp: int = 0
    #: Where the Timestamp element stands in ``data``; (0, 0): it has none.
    timestamp_span: Tuple[int, int] = (0, 0)
    has_crc: bool = False
    scale_ns: int = 1000000
    #: For each block: its time in the Cluster in ms, its end in ``data``.
    blocks: Tuple[Tuple[float, int], ...] = ()

    @property
    def timestamp_ms(self) -> float:
        """The Cluster's time."""
        return self.timestamp * self.scale_ns / 1e6

    def moved(self, shift_ms: int) -> "Cluster":
        """The same, later by that much."""
        begin, end = self.timestamp_span
        if shift_ms == 0 or begin == end:
            return self
        ticks = max(0, self.timestamp + shift_ms * 1000000 // self.scale_ns)
        moved = documents.uint(ID_TIMESTAMP, ticks, 8)
        body = (self.data[self.header_size:begin] + moved + self.data[end:])
        return self._with_body(body, ticks, begin,
                               len(moved) - (end - begin))

    def _with_body(self, body: bytes, ticks: int, at: int,
                   longer: int) -> "Cluster":
        if self.has_crc:  # its CRC-32 is the first child, six bytes
            body = documents.with_crc(body[6:])
        header = self.data[:self.header_size]
        if self.known_size:
            header = (documents.id_bytes(documents.ID_CLUSTER) +
                      documents.size_bytes(len(body), 8))
        grown = longer + len(header) - self.header_size
        begin = at + len(header) - self.header_size
        length = self.timestamp_span[1] - self.timestamp_span[0] + longer
        return replace(
            self, data=header + body, header_size=len(header),
            timestamp=ticks, timestamp_span=(begin, begin + length),
            blocks=tuple((ms, end + grown) for ms, end in self.blocks))

    def sized(self, how: str) -> "Cluster":
        """With another size field: unknown, sized (8 bytes), sized4."""
        body = self.data[self.header_size:]
        if how == "unknown" and not self.has_crc:
            field_ = b"\xff"
        elif how == "sized4" and len(body) < (1 << 28) - 1:
            field_ = documents.size_bytes(len(body), 4)
        elif how in ("sized", "sized4"):
            field_ = documents.size_bytes(len(body), 8)
        else:
            return self
        header = documents.id_bytes(documents.ID_CLUSTER) + field_
        grown = len(header) - self.header_size
        begin, end = self.timestamp_span
        return replace(
            self, data=header + body, header_size=len(header),
            known_size=how != "unknown",
            timestamp_span=(begin + grown, end + grown),
            blocks=tuple((ms, at + grown) for ms, at in self.blocks))


@dataclass(frozen=True)
class Template:
    """A fragment without the service's tags, and what those said."""

    head: bytes
    cluster: Optional[Cluster]
    after: bytes = b""
    number: Optional[str] = None
    server_ms: Optional[int] = None
    producer_ms: Optional[int] = None
    behind_ms: Optional[int] = None
    #: The recording had its tail tags.
    complete: bool = False
    duration_ms: int = 1000


@dataclass
class _Child:
    """A child of Segment."""

    id: int
    begin: int
    end: int
    tags: Tags = field(default_factory=list)
    cluster: Optional[Cluster] = None

    @property
    def is_service(self) -> bool:
        """Whether the service wrote it."""
        return any(name in SERVICE_TAGS for name, _ in self.tags)


@dataclass
class _Document:
    begin: int
    segment: int = -1
    segment_payload: int = -1
    segment_known: bool = False
    scale_ns: int = 1000000
    children: List[_Child] = field(default_factory=list)


class _Splitter:
    """Gathers documents from the tokenizer's events."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.documents: List[_Document] = []
        self._child: Optional[_Child] = None
        self._name = ""
        self._header = 0
        self._known = False
        self._timestamp: Optional[Tuple[int, int, int]] = None
        self._crc = False
        self._blocks: List[Tuple[int, int]] = []

    def run(self) -> List[_Document]:
        """All documents that have begun."""
        for event in elements.events(self.data):
            if event.depth == 0:
                self._top(event)
            elif self.documents:
                self._inside(event)
        return self.documents

    def _top(self, event: elements.Event) -> None:
        if event.kind != elements.MASTER_BEGIN:
            return
        if event.id == documents.ID_EBML:
            self.documents.append(_Document(event.begin))
        elif event.id == documents.ID_SEGMENT and self.documents:
            document = self.documents[-1]
            document.segment = event.begin
            document.segment_payload = event.payload
            document.segment_known = event.known_size

    def _inside(self, event: elements.Event) -> None:
        document = self.documents[-1]
        if document.segment < 0:
            return
        if event.depth == 1 and event.kind in (elements.MASTER_BEGIN,
                                               elements.BLOB_BEGIN):
            self._begin_child(event)
        if event.end >= 0:
            self._value(document, event)
        if event.depth == 1 and event.end >= 0 and self._child:
            self._end_child(document, event)

    def _begin_child(self, event: elements.Event) -> None:
        self._child = _Child(event.id, event.begin, -1)
        self._header = event.payload - event.begin
        self._known = event.known_size
        self._timestamp = None
        self._crc = False
        self._blocks = []

    def _value(self, document: _Document, event: elements.Event) -> None:
        if event.id == ID_INFO_SCALE:
            document.scale_ns = max(1, self._uint(event))
        elif self._child is None:
            return
        elif self._child.id == documents.ID_TAGS:
            self._tag(event)
        elif self._child.id == documents.ID_CLUSTER:
            self._cluster_part(event)

    def _tag(self, event: elements.Event) -> None:
        if event.id == ID_TAG_NAME:
            self._name = self._text(event)
        elif event.id == ID_TAG_STRING and self._child:
            self._child.tags.append((self._name, self._text(event)))

    def _cluster_part(self, event: elements.Event) -> None:
        if event.id == ID_TIMESTAMP and event.depth == 2:
            self._timestamp = (self._uint(event), event.begin, event.end)
        elif event.id == documents.ID_CRC and event.depth == 2:
            self._crc = event.end - event.begin == 6
        elif event.id in (ID_SIMPLE_BLOCK, ID_BLOCK):
            # The payload's begin: a BLOB_END tells where its header ended.
            track = 1
            while track < 8 and not self.data[event.payload] & 0x80 >> (
                    track - 1):
                track += 1
            at = event.payload + track
            ticks = int.from_bytes(self.data[at:at + 2], "big", signed=True)
            self._blocks.append((ticks, event.end))

    def _end_child(self, document: _Document, event: elements.Event) -> None:
        child = self._child
        if child is None or child.begin != event.begin:
            return
        child.end = event.end
        if child.id == documents.ID_CLUSTER:
            child.cluster = self._cluster(document, child)
        document.children.append(child)
        self._child = None

    def _cluster(self, document: _Document, child: _Child) -> Cluster:
        ticks, begin, end = self._timestamp or (0, child.begin, child.begin)
        scale = document.scale_ns
        return Cluster(
            self.data[child.begin:child.end], self._header, self._known,
            ticks, (begin - child.begin, end - child.begin), self._crc, scale,
            tuple((t * scale / 1e6, stop - child.begin)
                  for t, stop in self._blocks))

    def _uint(self, event: elements.Event) -> int:
        return int.from_bytes(self.data[event.payload:event.end], "big")

    def _text(self, event: elements.Event) -> str:
        raw = self.data[event.payload:event.end]
        return raw.rstrip(b"\0").decode("utf-8", "replace")


def milliseconds(text: Optional[str]) -> Optional[int]:
    """1511852109.126 as 1511852109126; None for what is no such time."""
    if not text:
        return None
    whole, _, fraction = text.partition(".")
    if not whole.isdigit() or not (fraction or "0").isdigit():
        return None
    return int(whole) * 1000 + int((fraction + "000")[:3])


def _head(data: bytes, document: _Document, children: List[_Child]) -> bytes:
    segment = data[document.segment:document.segment_payload]
    if document.segment_known:  # the fragment's own length would differ
        segment = documents.segment_begin()
    return (data[document.begin:document.segment] + segment +
            b"".join(data[child.begin:child.end] for child in children
                     if not child.is_service))


def _groups(document: _Document) -> Iterator[List[_Child]]:
    """Head, then each Cluster with what follows it."""
    group: List[_Child] = []
    for child in document.children:
        if child.cluster is not None:
            yield group
            group = []
        group.append(child)
    yield group


def _duration(cluster: Optional[Cluster]) -> int:
    """From the blocks: up to the last one, and as long as they are apart."""
    if cluster is None or len(cluster.blocks) < 2:
        return 0
    times = sorted({ms for ms, _ in cluster.blocks})
    span = times[-1] - times[0]
    return round(span + span / max(1, len(times) - 1))


def _template(data: bytes, head: bytes, group: List[_Child],
              tags: Dict[str, str]) -> Template:
    def tag(name: str) -> Optional[str]:
        return tags.get(documents.PREFIX + name)
    cluster = group[0].cluster if group else None
    rest = group[1:] if cluster is not None else group
    behind = tag("MILLIS_BEHIND_NOW")
    return Template(
        head, cluster,
        b"".join(data[child.begin:child.end] for child in rest
                 if not child.is_service),
        tag("FRAGMENT_NUMBER"),
        milliseconds(tag("SERVER_TIMESTAMP") or tag("SERVER_SIDE_TIMESTAMP")),
        milliseconds(tag("PRODUCER_TIMESTAMP") or
                     tag("PRODUCER_SIDE_TIMESTAMP")),
        int(behind) if behind and behind.isdigit() else None,
        tag("CONTINUATION_TOKEN") is not None, _duration(cluster))


def _document_templates(data: bytes, document: _Document) -> List[Template]:
    groups = list(_groups(document))
    head = _head(data, document, groups[0])
    clusters = groups[1:] or [[]]
    templates = []
    for index, group in enumerate(clusters):
        parts = group + (groups[0] if index == 0 else [])
        tags = dict(tag for child in parts if child.is_service
                    for tag in child.tags)
        templates.append(_template(data, head, group, tags))
    return templates


def _with_durations(templates: List[Template]) -> List[Template]:
    """A fragment of one block lasts until the next one, or a second."""
    result: List[Template] = []
    for index, template in enumerate(templates):
        duration = template.duration_ms
        if duration <= 0 and index + 1 < len(templates):
            duration = _distance(template, templates[index + 1])
        if duration <= 0:
            duration = result[-1].duration_ms if result else 1000
        result.append(replace(template, duration_ms=duration))
    return result


def _distance(first: Template, second: Template) -> int:
    """From one to the next by their Clusters, where that makes sense."""
    if first.cluster is None or second.cluster is None:
        return 0
    distance = round(second.cluster.timestamp_ms - first.cluster.timestamp_ms)
    return distance if 0 < distance <= 30000 else 0


def split(data: bytes) -> List[Template]:
    """The fragments of a recording; an incomplete last one is left out."""
    templates: List[Template] = []
    for document in _Splitter(data).run():
        if document.segment >= 0 and document.children:
            templates += _document_templates(data, document)
    if not templates:
        raise RecordingError("no fragment in it")
    return _with_durations(templates)


def counter(settings: documents.Counter) -> List[Template]:
    """The fragments of a made-up stream.

    All have the layout of the first one, which alone is taken apart.
    """
    first = split(settings.document(0))[0]
    cluster = first.cluster
    assert cluster is not None
    return [replace(first, duration_ms=settings.fragment_ms,
                    after=settings.cues_of(index),
                    cluster=replace(cluster, data=settings.cluster(index),
                                    timestamp=index * settings.fragment_ms))
            for index in range(settings.fragments)]
