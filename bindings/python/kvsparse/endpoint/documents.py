"""Writes what the service writes: its tags, and small documents of its own.

Knows EBML as a writer; reads nothing.  The widths are those of real streams:
the service's sizes have four bytes, a producer's may have any.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Optional, Sequence, Tuple

PREFIX = "AWS_KINESISVIDEO_"
TagList = Sequence[Tuple[str, str]]

UNKNOWN_SIZE = b"\x01" + b"\xff" * 7

ID_EBML = 0x1A45DFA3
ID_SEGMENT = 0x18538067
ID_CLUSTER = 0x1F43B675
ID_TAGS = 0x1254C367
ID_VOID = 0xEC
ID_CRC = 0xBF


def id_bytes(element_id: int) -> bytes:
    """An element's ID as it stands in the stream."""
    return element_id.to_bytes((element_id.bit_length() + 7) // 8, "big")


def size_bytes(size: int, width: Optional[int] = None) -> bytes:
    """A size as a VINT of that width, or of the shortest."""
    if width is None:
        width = 1
        while size >= (1 << (7 * width)) - 1:
            width += 1
    return (size | 1 << (7 * width)).to_bytes(width, "big")


def element(element_id: int, payload: bytes,
            width: Optional[int] = None) -> bytes:
    """A whole element."""
    return id_bytes(element_id) + size_bytes(len(payload), width) + payload


def uint(element_id: int, value: int, width: Optional[int] = None) -> bytes:
    """An element that holds a number, in that many bytes or the fewest."""
    length = width or max(1, (value.bit_length() + 7) // 8)
    return element(element_id, value.to_bytes(length, "big"))


def service_tags(tags: TagList) -> bytes:
    """One Tags element with one Tag that holds all, as the service does."""
    inner = b"".join(
        element(0x67C8, element(0x45A3, name.encode(), 4) +
                element(0x4487, value.encode(), 4), 4)
        for name, value in tags)
    return element(ID_TAGS, element(0x7373, inner, 4), 4)


def seconds(milliseconds: int) -> str:
    """A time as the service writes it in tags: 1511852109.126."""
    return "%d.%03d" % divmod(milliseconds, 1000)


def head_tags(number: str, server_ms: int, producer_ms: int,
              long_names: bool = False) -> bytes:
    """The tags in front of a fragment's Cluster."""
    side = "SIDE_" if long_names else ""
    return service_tags([
        (PREFIX + "FRAGMENT_NUMBER", number),
        (PREFIX + "SERVER_" + side + "TIMESTAMP", seconds(server_ms)),
        (PREFIX + "PRODUCER_" + side + "TIMESTAMP", seconds(producer_ms)),
    ])


def tail_tags(behind_ms: int, token: str) -> bytes:
    """The tags at a fragment's end."""
    return service_tags([
        (PREFIX + "MILLIS_BEHIND_NOW", str(behind_ms)),
        (PREFIX + "CONTINUATION_TOKEN", token),
    ])


def error_tags(number: Optional[str], error_id: int, code: str) -> bytes:
    """GetMedia's error in the middle of a stream."""
    tags = [(PREFIX + "FRAGMENT_NUMBER", number)] if number else []
    return service_tags(tags + [(PREFIX + "ERROR_CODE", code),
                                (PREFIX + "ERROR_ID", str(error_id))])


def exception_tags(number: str, code: int, message: str) -> bytes:
    """GetMediaForFragmentList's error for one fragment."""
    return service_tags([(PREFIX + "FRAGMENT_NUMBER", number),
                         (PREFIX + "EXCEPTION_ERROR_CODE", str(code)),
                         (PREFIX + "EXCEPTION_MESSAGE", message)])


#: Error ids of GetMedia and their meaning.
ERROR_CODES = {
    3002: "ERROR_WRITING_TO_STREAM",
    4000: "FRAGMENT_NOT_FOUND",
    4500: "KMS_ACCESS_DENIED",
    4501: "KMS_KEY_DISABLED",
    4502: "KMS_KEY_VALIDATION_ERROR",
    4503: "KMS_KEY_UNAVAILABLE",
    4504: "KMS_KEY_INVALID_USAGE",
    4505: "KMS_KEY_INVALID_STATE",
    4506: "KMS_KEY_NOT_FOUND",
    5000: "INTERNAL_ERROR",
}


def ebml_header(padded: bool = False) -> bytes:
    """An EBML header; padded: the DocType ends in a NUL, as the SDK's does."""
    return element(ID_EBML, b"".join([
        uint(0x4286, 1), uint(0x42F7, 1), uint(0x42F2, 4), uint(0x42F3, 8),
        element(0x4282, b"matroska\0" if padded else b"matroska"),
        uint(0x4287, 2), uint(0x4285, 2)]))


def segment_begin() -> bytes:
    """A Segment of unknown size."""
    return id_bytes(ID_SEGMENT) + UNKNOWN_SIZE


def bare_document(tags: bytes) -> bytes:
    """A document with tags and nothing else."""
    return ebml_header() + segment_begin() + tags


@dataclass(frozen=True)
class Counter:
    """A made-up stream for tests: frame k of it holds the number k.

    Each fragment has ``frames`` SimpleBlocks of ``size`` bytes: the frame's
    number in eight bytes (big-endian), then filler that depends on it.
    """

    fragments: int = 10
    frames: int = 1
    size: int = 64
    fragment_ms: int = 1000
    padded: bool = False
    crc: bool = False
    cues: bool = False

    def payload(self, number: int) -> bytes:
        """Frame ``number``."""
        head = number.to_bytes(8, "big")
        filler = bytes((number * 7 + k) & 0xFF for k in range(256))
        rest = max(0, self.size - len(head))
        return head + (filler * (rest // 256 + 1))[:rest]

    def document(self, index: int) -> bytes:
        """A document without any tags of the service."""
        return b"".join([ebml_header(self.padded), segment_begin(),
                         self._info(), self._tracks(), self.cluster(index),
                         self.cues_of(index)])

    def _string(self, text: str) -> bytes:
        return text.encode().ljust(32, b"\0") if self.padded else text.encode()

    def _info(self) -> bytes:
        return self._master(0x1549A966, b"".join([
            uint(0x2AD7B1, 1000000), element(0x4D80, self._string("counter")),
            element(0x5741, self._string("counter"))]))

    def _tracks(self) -> bytes:
        entry = b"".join([
            uint(0xD7, 1), uint(0x73C5, 1), uint(0x83, 1),
            element(0x536E, self._string("counter")),
            element(0x86, self._string("V_MS/VFW/FOURCC")),
            element(0xE0, uint(0xB0, 64) + uint(0xBA, 48))])
        return self._master(0x1654AE6B, element(0xAE, entry))

    def _master(self, element_id: int, payload: bytes) -> bytes:
        return element(element_id, with_crc(payload) if self.crc else payload)

    def cluster(self, index: int) -> bytes:
        """A fragment's Cluster; all of them have the same layout."""
        step = max(1, self.fragment_ms // self.frames)
        blocks = []
        for k in range(self.frames):
            head = b"\x81" + (k * step).to_bytes(2, "big") + b"\x80"
            frame = self.payload(index * self.frames + k)
            blocks.append(element(0xA3, head + frame))
        payload = (uint(0xE7, index * self.fragment_ms, 8) + uint(0xA7, 0) +
                   b"".join(blocks))
        if self.crc:
            return element(ID_CLUSTER, with_crc(payload), 8)
        return id_bytes(ID_CLUSTER) + b"\xff" + payload

    def cues_of(self, index: int) -> bytes:
        """What follows the Cluster."""
        if not self.cues:
            return b""
        positions = element(0xB7, uint(0xF7, 1) + uint(0xF1, 0))
        return element(0x1C53BB6B, element(
            0xBB, uint(0xB3, index * self.fragment_ms) + positions))


def with_crc(payload: bytes) -> bytes:
    """A master's payload with a CRC-32 element in front of it."""
    return element(ID_CRC, zlib.crc32(payload).to_bytes(4, "little")) + payload
