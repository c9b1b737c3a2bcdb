"""For programs made for AWS's Python sample, the "Amazon Kinesis Video Streams
Consumer Library for Python": its two classes, with the same methods, arguments
and callbacks.  Change the import:

    from kvsparse.consumer import KvsConsumerLibrary, KvsFragementProcessor

What is different:

- The last fragment of a stream is delivered, too, also where the stream is cut
  inside it: ``fragment_dom.fragment.complete`` tells.
- A fragment is delivered when its last byte has come, not when the next one
  begins (GetMedia says where a fragment ends; GetMediaForFragmentList does not,
  so there it still takes the first bytes of the next one).
- Nothing is read twice: time does not grow with the square of a fragment's size.
- ``fragment_dom`` is a :class:`FragmentDom`, not a document of ebmlite's.  Walks
  over elements work as they did: ``id``, ``name``, ``value``, ``size``,
  ``offset``, ``payloadOffset``, iteration, indices, at the top EBML, then
  Segment.  What is not there: ebmlite's schemata, types of elements as classes,
  ``dump()``, ``gc()``, ``parse()``.  Besides: ``fragment_dom.fragment``, a
  :class:`kvsparse.Fragment` with number, times, tracks and tags, and
  ``fragment_dom.data``.
- ``value`` of a binary element is bytes, of a date an aware datetime.
- Where a helper takes a ``fragment_dom`` it takes the fragment's bytes as well.
- imageio and PyAV are not needed, but numpy (for arrays) and Pillow (for JPEG).
- Damaged places of a stream do not end it: what is whole is delivered.
"""

from __future__ import annotations

import io
import os
import threading
import time
import wave
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Union

from . import _sources
from ._document import Document, Element
from ._functions import frames, pictures, read
from ._items import Fragment, FragmentEnd, Item, Tags
from ._reader import Reader
from .errors import MissingModuleError

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, numpy.dtype[numpy.uint8]]

__all__ = ["Element", "FragmentDom", "KvsConsumerLibrary", "KvsFragementProcessor"]

Bytes = Union[bytes, bytearray]
OnFragment = Callable[[str, bytearray, "FragmentDom", float], object]

# A fragment is known to be one when its Tracks are there: no more than so many
# bytes in front of them are kept.
_HEAD = 16 << 20

_SEGMENT = 0x18538067
_TAGS, _TAG, _SIMPLE_TAG = 0x1254C367, 0x7373, 0x67C8
_TAG_NAME, _TAG_STRING, _TAG_BINARY = 0x45A3, 0x4487, 0x4485


class FragmentDom(Document):
    """The elements of one fragment.

    fragment: what a Reader made of it; None where there was nothing to be made
    data:     its bytes
    """

    def __init__(self, data: Bytes, fragment: Fragment | None = None) -> None:
        super().__init__(data)
        self.fragment = fragment


Dom = Union[Document, bytes, bytearray]


def _dom(dom: Dom) -> Document:
    return dom if isinstance(dom, Document) else FragmentDom(dom)


def _data(fragment: Dom) -> bytes:
    return fragment.data if isinstance(fragment, Document) else bytes(fragment)


class KvsConsumerLibrary(threading.Thread):
    """Reads a stream in a thread of its own and calls back for each fragment.

        consumer = KvsConsumerLibrary(
            "my-stream", client.get_media(...), on_fragment_arrived,
            on_read_stream_complete, on_read_stream_exception)
        consumer.start()

    stream_name: is passed to the callbacks
    get_media_response_object: what boto3's get_media or
        get_media_for_fragment_list returned; its ["Payload"] may be anything
        that :func:`kvsparse.read` takes, unless it is asynchronous
    on_fragment_arrived(stream_name, fragment_bytes, fragment_dom,
        fragment_receive_duration): a bytearray, a FragmentDom, and the seconds
        since the one before
    on_read_stream_complete(stream_name): after the last fragment, and after
        stop_thread()
    on_read_stream_exception(stream_name, error): what the source or a callback
        raised; it ends the thread
    """

    def __init__(
        self,
        stream_name: str,
        get_media_response_object: Mapping[str, Any],
        on_fragment_arrived: OnFragment,
        on_read_stream_complete: Callable[[str], object],
        on_read_stream_exception: Callable[[str, Exception], object],
    ) -> None:
        super().__init__()
        self.stream_name = stream_name
        self.get_media_response_object = get_media_response_object
        self.on_fragment_arrived_callback = on_fragment_arrived
        self.on_read_stream_complete_callback = on_read_stream_complete
        self.on_read_stream_exception = on_read_stream_exception
        self._stop_get_media = False
        self._began = 0.0  # of what is being received

    def stop_thread(self) -> None:
        """No more fragments: the thread ends when the next bytes come, without
        the fragment that is being received."""
        self._stop_get_media = True

    def run(self) -> None:
        """What the thread does; start() calls it."""
        try:
            with Reader(data=False) as reader:
                self._read(reader)
            self.on_read_stream_complete_callback(self.stream_name)
        except Exception as error:
            self.on_read_stream_exception(self.stream_name, error)

    def _read(self, reader: Reader) -> None:
        payload = self.get_media_response_object["Payload"]
        cutter = _Cutter(reader)
        self._began = time.perf_counter()
        for chunk in _sources.chunks(payload, None):
            if self._stop_get_media:
                return
            self._deliver(cutter.feed(chunk))
        self._deliver(cutter.finish())

    def _deliver(self, found: list[tuple[bytearray, Fragment]]) -> None:
        for data, fragment in found:
            if self._stop_get_media:
                return
            now = time.perf_counter()
            duration, self._began = now - self._began, now
            dom = FragmentDom(data, fragment)
            self.on_fragment_arrived_callback(self.stream_name, data, dom, duration)


class _Cutter:
    """A stream into the bytes of its fragments."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._buffer = bytearray()
        self._begin = 0  # where that stands in the stream
        self._current: Fragment | None = None  # is being received

    def feed(self, chunk: bytes) -> list[tuple[bytearray, Fragment]]:
        """The fragments that these bytes end."""
        self._buffer += chunk
        found = self._cuts(self._reader.feed(chunk))
        if self._current is None and len(self._buffer) > _HEAD:
            self._drop(self._reader.offset - _HEAD)  # bytes of no fragment
        return found

    def finish(self) -> list[tuple[bytearray, Fragment]]:
        """The stream has ended: the last one."""
        return self._cuts(self._reader.finish())

    def _cuts(self, items: Iterator[Item]) -> list[tuple[bytearray, Fragment]]:
        found = [self._take(item) for item in items]
        return [cut for cut in found if cut is not None]

    def _take(self, item: Item) -> tuple[bytearray, Fragment] | None:
        if isinstance(item, Fragment):
            self._drop(item.offset)
            self._current = item
        if self._current is None:
            return None
        if isinstance(item, Tags) and item.fragment.complete:
            return self._cut(self._reader.offset)
        if isinstance(item, FragmentEnd):
            return self._cut(item.fragment.offset + (item.fragment.size or 0))
        return None

    def _cut(self, end: int) -> tuple[bytearray, Fragment]:
        fragment, self._current = self._current, None
        assert fragment
        data = self._buffer[: end - self._begin]
        self._drop(end)
        return data, fragment

    def _drop(self, offset: int) -> None:
        count = min(max(0, offset - self._begin), len(self._buffer))
        del self._buffer[:count]
        self._begin += count


class KvsFragementProcessor:
    """Helpers for one fragment (the name is spelled as AWS spells it)."""

    # --- tags and elements --------------------------------------------------

    def get_fragment_tags(self, fragment_dom: Dom) -> dict[str, Any]:
        """The SimpleTags by name: str, or bytes of a TagBinary, None without a
        value.  Raises KeyError where there is no Segment."""
        for root in _dom(fragment_dom):
            if root.id == _SEGMENT:
                break
        else:
            raise KeyError("the fragment has no Segment")
        found: dict[str, Any] = {}
        for simple_tag in _grandchildren(root, (_TAGS, _TAG, _SIMPLE_TAG)):
            values = {child.id: child.value for child in simple_tag}
            name = values.get(_TAG_NAME)
            if isinstance(name, str) and name:
                found[name] = values.get(_TAG_STRING, values.get(_TAG_BINARY))
        return found

    def get_fragement_dom_pretty_string(self, fragment_dom: Dom) -> str:
        """A line for each element, indented: for people to read."""
        return "".join(
            line for root in _dom(fragment_dom) for line in _pretty(root, 0)
        )

    def get_track_number_by_name(self, fragment_dom: Dom, track_name: str) -> int | None:
        """The number of the track of that name, "AUDIO_FROM_CUSTOMER"; None
        where there is none."""
        for item in read(_data(fragment_dom), data=False):
            if isinstance(item, Fragment):
                for track in item.tracks:
                    if track.name == track_name:
                        return track.number
        return None

    # --- pictures -----------------------------------------------------------

    def save_fragment_as_local_mkv(
        self, fragment_bytes: Bytes, file_name_path: str | os.PathLike[str]
    ) -> None:
        """The bytes as a file, which plays."""
        with open(file_name_path, "wb") as file:
            file.write(fragment_bytes)

    def get_frames_as_ndarray(
        self, fragment_bytes: Bytes, one_in_frames_ratio: int
    ) -> list[Array]:
        """Each so-manieth picture of the first video track, from the first on,
        as arrays of height x width x 3 (RGB, uint8).  Raises ValueError where
        there is no video, LibraryError without libkvsparse-av,
        MissingModuleError without numpy."""
        data = bytes(fragment_bytes)
        stream = pictures(
            data, track=_first_video(data), every=int(one_in_frames_ratio)
        )
        return [_contiguous(picture.array) for picture in stream]

    def save_frames_as_jpeg(
        self, fragment_bytes: Bytes, one_in_frames_ratio: int, jpg_file_base_path: str
    ) -> list[str]:
        """The same as JPEG files, BASE-0.jpg and so on: their names.  Raises
        MissingModuleError without Pillow, too."""
        try:
            import PIL.Image
        except ImportError as error:
            raise MissingModuleError(
                "JPEG files want Pillow, which is not installed: pip install Pillow"
            ) from error
        paths = []
        arrays = self.get_frames_as_ndarray(fragment_bytes, one_in_frames_ratio)
        for index, array in enumerate(arrays):
            path = f"{jpg_file_base_path}-{index}.jpg"
            PIL.Image.fromarray(array).save(path)
            paths.append(path)
        return paths

    # --- sound of Amazon Connect ---------------------------------------------

    def get_raw_audio_track_from_simple_block(
        self, mkv_element: Element
    ) -> bytearray | None:
        """The frame of a SimpleBlock; None for other elements."""
        if mkv_element.name != "SimpleBlock":
            return None
        payload = mkv_element.payload
        return bytearray(payload[_vint_length(payload) + 3 :])

    def get_audio_track_number_from_simple_block(
        self, mkv_element: Element
    ) -> int | None:
        """The track of a SimpleBlock; None for other elements."""
        if mkv_element.name != "SimpleBlock":
            return None
        payload = mkv_element.payload
        length = _vint_length(payload)
        marked = int.from_bytes(payload[:length], "big")
        return marked & ~(1 << (7 * length)) if length else None

    def get_track_bytearray(self, mkv_dom: Dom, track_nr: int) -> bytearray:
        """All frames of that track, one behind the other."""
        sound = frames(_data(mkv_dom), track=track_nr, decompress=True)
        return bytearray().join(frame.data for frame in sound)

    def convert_track_to_wav(self, track_bytearray: Bytes) -> io.BytesIO:
        """Samples of 16 bit, one channel, 8000 Hz as a WAV file."""
        file = io.BytesIO()
        with wave.open(file, "wb") as sound:
            sound.setnchannels(1)
            sound.setframerate(8000)
            sound.setsampwidth(2)
            sound.writeframes(track_bytearray)
        return file

    def save_connect_fragment_audio_track_as_wav(
        self,
        fragment_dom: Dom,
        track_nr: int,
        file_name_path: str | os.PathLike[str],
    ) -> None:
        """That track as a WAV file, as convert_track_to_wav() makes it."""
        sound = self.convert_track_to_wav(
            self.get_track_bytearray(fragment_dom, track_nr)
        )
        with open(file_name_path, "wb") as file:
            file.write(sound.getvalue())

    def save_connect_fragment_audio_track_from_customer_as_wav(
        self, fragment_dom: Dom, file_name_path_part: str
    ) -> None:
        """What the customer says as PART-AUDIO_FROM_CUSTOMER.wav; nothing where
        there is no such track."""
        self._save_by_name(fragment_dom, "AUDIO_FROM_CUSTOMER", file_name_path_part)

    def save_connect_fragment_audio_track_to_customer_as_wav(
        self, fragment_dom: Dom, file_name_path_part: str
    ) -> None:
        """What the customer hears as PART-AUDIO_TO_CUSTOMER.wav; nothing where
        there is no such track."""
        self._save_by_name(fragment_dom, "AUDIO_TO_CUSTOMER", file_name_path_part)

    def _save_by_name(self, fragment_dom: Dom, name: str, part: str) -> None:
        number = self.get_track_number_by_name(fragment_dom, name)
        if number is not None:
            path = f"{part}-{name}.wav"
            self.save_connect_fragment_audio_track_as_wav(fragment_dom, number, path)


def _grandchildren(element: Element, ids: tuple[int, ...]) -> list[Element]:
    """Those that lie along these IDs."""
    found = [element]
    for id in ids:
        found = [child for one in found for child in one if child.id == id]
    return found


def _pretty(element: Element, depth: int) -> list[str]:
    """As deep as the tokenizer allows elements to lie: 16."""
    begin = f"{'    ' * depth}{element.name}"
    if element.type == "master":
        lines = [f"{begin} (ID 0x{element.id:X}), offset {element.offset}:\n"]
        for child in element:
            lines += _pretty(child, depth + 1)
        return lines
    if element.type == "binary":
        return [f"{begin}: {element.size} bytes\n"]
    return [f"{begin}: {element.value!s}\n"]


def _first_video(data: bytes) -> int:
    for item in read(data, data=False):
        if isinstance(item, Fragment):
            for track in item.tracks:
                if track.type == "video":
                    return track.number
    raise ValueError("the fragment has no video track")


def _contiguous(array: Array) -> Array:
    """Rows without bytes between them, as others make arrays."""
    import numpy

    return numpy.ascontiguousarray(array)


def _vint_length(payload: bytes) -> int:
    """Of the number that a block begins with; 0 where there is none."""
    return 9 - payload[0].bit_length() if payload and payload[0] else 0
