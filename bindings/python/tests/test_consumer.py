"""kvsparse.consumer: a program made for AWS's sample runs as it is, and gets
each fragment, the last one too, as soon as it is complete."""

from __future__ import annotations

import threading
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import PROGRAM, run

import kvsparse
from kvsparse.consumer import FragmentDom, KvsConsumerLibrary, KvsFragementProcessor

processor = KvsFragementProcessor()


class Program:
    """Callbacks as the sample's example has them."""

    def __init__(self) -> None:
        self.fragments: list[tuple[bytearray, FragmentDom, float]] = []
        self.events: list[Any] = []
        self.threads: set[int] = set()

    def on_fragment_arrived(
        self, stream_name: str, data: bytearray, dom: FragmentDom, duration: float
    ) -> None:
        self.threads.add(threading.get_ident())
        self.events.append(stream_name)
        self.fragments.append((data, dom, duration))

    def on_complete(self, stream_name: str) -> None:
        self.events.append(("complete", stream_name))

    def on_exception(self, stream_name: str, error: Exception) -> None:
        self.events.append((stream_name, error))

    def consumer(self, payload: Any) -> KvsConsumerLibrary:
        return KvsConsumerLibrary(
            "my-stream",
            {"Payload": payload, "ContentType": "video/webm"},
            self.on_fragment_arrived,
            self.on_complete,
            self.on_exception,
        )

    def read(self, payload: Any) -> None:
        consumer = self.consumer(payload)
        consumer.start()
        consumer.join(60)
        assert not consumer.is_alive()


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def documents(path: Path) -> list[bytes]:
    """Its fragments, as a Reader cuts them."""
    data = path.read_bytes()
    ends = [item for item in kvsparse.read(path) if isinstance(item, kvsparse.FragmentEnd)]
    found = []
    for end in ends:
        begin, size = end.fragment.offset, end.fragment.size
        assert size is not None
        found.append(data[begin : begin + size])
    return found


@pytest.mark.parametrize("size", [1, 7, 1024, 100_000, 1 << 30])
def test_all_fragments(sample: Path, size: int) -> None:
    program = Program()
    program.read(pieces(sample.read_bytes(), size))
    expected = documents(sample)
    assert [bytes(data) for data, _, _ in program.fragments] == expected
    assert b"".join(expected) == sample.read_bytes()
    assert program.events == ["my-stream"] * len(expected) + [("complete", "my-stream")]
    assert all(isinstance(data, bytearray) for data, _, _ in program.fragments)
    assert all(duration >= 0 for _, _, duration in program.fragments)
    assert program.threads and threading.get_ident() not in program.threads
    numbers = [dom.fragment.number for _, dom, _ in program.fragments if dom.fragment]
    assert numbers == [
        item.number for item in kvsparse.read(sample) if isinstance(item, kvsparse.Fragment)
    ]


def test_the_capture(capture: Path) -> None:
    program = Program()
    program.read(pieces(capture.read_bytes(), 1024))
    assert b"".join(data for data, _, _ in program.fragments) == capture.read_bytes()
    assert len(program.fragments) == 5
    tags = processor.get_fragment_tags(program.fragments[-1][1])
    assert tags["AWS_KINESISVIDEO_FRAGMENT_NUMBER"].isdigit()
    assert float(tags["AWS_KINESISVIDEO_MILLIS_BEHIND_NOW"]) >= 0


def test_as_soon_as_it_is_complete(sample: Path) -> None:
    """With the fragment's last byte, before anything of the next one is read."""
    program = Program()
    expected = documents(sample)

    def source() -> Iterator[bytes]:
        for count, document in enumerate(expected):
            assert len(program.fragments) == count
            yield document[:-1]
            assert len(program.fragments) == count
            yield document[-1:]
            assert len(program.fragments) == count + 1

    program.read(source())
    assert program.events[-1] == ("complete", "my-stream")


def test_without_the_service_tags_behind(tmp_path: Path) -> None:
    stream = tmp_path / "stream.mkv"
    made = run(PROGRAM, "generate", "--no-tail", "-o", stream)
    if made.returncode:
        pytest.skip(f"kvsparse generate: {made.stderr.decode()}")
    program = Program()
    program.read(pieces(stream.read_bytes(), 512))
    assert [bytes(data) for data, _, _ in program.fragments] == documents(stream)
    assert len(program.fragments) > 2


def test_what_is_cut_is_delivered_and_told(sample: Path) -> None:
    program = Program()
    data = sample.read_bytes()[:-2000]
    program.read(pieces(data, 1024))
    assert b"".join(data for data, _, _ in program.fragments) == data
    complete = [dom.fragment and dom.fragment.complete for _, dom, _ in program.fragments]
    assert complete == [True] * (len(complete) - 1) + [False]


def test_damage_does_not_end_it(sample: Path) -> None:
    program = Program()
    expected = documents(sample)
    noise = bytes(range(256)) * 40
    program.read([noise, *expected[:2], noise, *expected[2:]])
    assert program.events[-1] == ("complete", "my-stream")
    found = [bytes(data) for data, _, _ in program.fragments]
    assert len(found) == len(expected)
    assert all(one.endswith(other) or one.startswith(other) for one, other in zip(found, expected))


def test_bytes_of_no_fragment_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    from kvsparse import consumer

    monkeypatch.setattr(consumer, "_HEAD", 1000)
    with kvsparse.Reader(data=False) as reader:
        cutter = consumer._Cutter(reader)
        for _ in range(200):
            assert cutter.feed(bytes(500)) == []
        assert len(cutter._buffer) < 5000


def test_stop_thread(sample: Path) -> None:
    program = Program()
    expected = documents(sample)

    def source() -> Iterator[bytes]:
        yield expected[0] + expected[1][:500]
        consumer.stop_thread()
        yield expected[1][500:]
        raise AssertionError("read on")

    consumer = program.consumer(source())
    consumer.start()
    consumer.join(60)
    assert program.events == ["my-stream", ("complete", "my-stream")]


def test_exceptions_are_told(sample: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield documents(sample)[0]
        raise ConnectionResetError("gone")

    program = Program()
    program.read(broken())
    assert program.events[0] == "my-stream"
    assert isinstance(program.events[1][1], ConnectionResetError)
    assert len(program.events) == 2

    class Failing(Program):
        def on_fragment_arrived(self, *arguments: Any) -> None:
            raise RuntimeError("mine")

    failing = Failing()
    failing.read(sample.read_bytes())
    assert [type(event[1]) for event in failing.events] == [RuntimeError]
    wrong = Program()
    consumer = KvsConsumerLibrary(
        "s", {}, wrong.on_fragment_arrived, wrong.on_complete, wrong.on_exception
    )
    consumer.run()
    assert isinstance(wrong.events[0][1], KeyError)


# --- helpers -------------------------------------------------------------------


def dom_of(path: Path) -> FragmentDom:
    return FragmentDom(documents(path)[0])


def test_tags(sample: Path) -> None:
    tags = processor.get_fragment_tags(dom_of(sample))
    fragment = next(
        item.fragment for item in kvsparse.read(sample) if isinstance(item, kvsparse.FragmentEnd)
    )
    assert tags == {tag.name: tag.value for tag in fragment.tags}
    assert tags["AWS_KINESISVIDEO_FRAGMENT_NUMBER"] == fragment.number
    assert processor.get_fragment_tags(documents(sample)[0]) == tags
    with pytest.raises(KeyError, match="Segment"):
        processor.get_fragment_tags(FragmentDom(b""))


def test_the_tree(sample: Path) -> None:
    """A walk as programs do it, against what the Reader says."""
    data = documents(sample)[0]
    dom = FragmentDom(data)
    assert [root.name for root in dom] == ["EBML", "Segment"]
    assert dom[0].id == 0x1A45DFA3 and dom[0].offset == 0
    blocks = [
        block
        for child in dom[1]
        if child.id == 0x1F43B675
        for block in child
        if block.name == "SimpleBlock"
    ]
    frames = list(kvsparse.frames(data))
    assert len(blocks) == len(frames) > 10
    for block, frame in zip(blocks, frames):
        assert processor.get_audio_track_number_from_simple_block(block) == frame.track.number
        assert processor.get_raw_audio_track_from_simple_block(block) == frame.data
        assert block.payloadOffset + 4 == frame.offset
        assert block.value == data[block.payloadOffset :][: block.size]
        assert block.getRaw() == data[block.offset : block.payloadOffset + block.size]
        assert block.parent is not None and block.parent.name == "Cluster"
    assert processor.get_raw_audio_track_from_simple_block(dom[0]) is None
    assert processor.get_audio_track_number_from_simple_block(dom[0]) is None
    values = {child.name: child.value for child in dom[0]}
    assert values["DocType"] == "matroska" and values["EBMLMaxIDLength"] == 4
    segment = dom[1]
    assert segment.payloadOffset + segment.size == len(data)
    entry = next(child for child in segment if child.name == "Tracks")[0]
    video = next(child for child in entry if child.name == "Video")
    assert {c.name: c.value for c in video}["PixelWidth"] == frames[0].track.width


def test_the_tree_goes_on_after_damage(sample: Path) -> None:
    data = bytearray(documents(sample)[0])
    middle = len(data) // 2
    data[middle : middle + 200] = bytes(200)
    names = [child.name for child in FragmentDom(data)[1]]
    assert "Cluster" in names and "Tags" in names[names.index("Cluster") :]
    assert list(FragmentDom(b"\0" * 100)) == []


def test_pretty_string(sample: Path) -> None:
    text = processor.get_fragement_dom_pretty_string(dom_of(sample))
    lines = text.splitlines()
    assert lines[0] == "EBML (ID 0x1A45DFA3), offset 0:"
    assert "    DocType: matroska" in lines
    assert any(line.strip().startswith("SimpleBlock: ") for line in lines)


def test_save_as_mkv(sample: Path, tmp_path: Path) -> None:
    data = documents(sample)[1]
    processor.save_fragment_as_local_mkv(bytearray(data), str(tmp_path / "a.mkv"))
    assert (tmp_path / "a.mkv").read_bytes() == data


@pytest.mark.parametrize("ratio", [1, 5, 1000])
def test_arrays(decodes: None, sample: Path, ratio: int) -> None:
    import numpy

    data = bytearray(documents(sample)[1])
    arrays = processor.get_frames_as_ndarray(data, ratio)
    expected = [picture.array for picture in kvsparse.pictures(data)][::ratio]
    assert len(arrays) == len(expected) and len(expected) >= 1
    for one, other in zip(arrays, expected):
        assert one.flags.c_contiguous and one.flags.writeable
        assert numpy.array_equal(one, other)


def test_arrays_want_video(decodes: None, call: Path) -> None:
    with pytest.raises(ValueError, match="no video"):
        processor.get_frames_as_ndarray(call.read_bytes()[:50_000], 1)


def test_jpegs(decodes: None, sample: Path, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    data = documents(sample)[0]
    paths = processor.save_frames_as_jpeg(data, 20, str(tmp_path / "base"))
    assert paths == [str(tmp_path / f"base-{i}.jpg") for i in range(len(paths))]
    array = processor.get_frames_as_ndarray(data, 20)[1]
    with image.open(paths[1]) as opened:
        assert opened.format == "JPEG"
        difference = abs(array.astype(int) - __import__("numpy").asarray(opened))
    assert difference.mean() < 6


def test_connect_sound(call: Path, tmp_path: Path) -> None:
    dom = FragmentDom(call.read_bytes())
    numbers = {
        name: processor.get_track_number_by_name(dom, name)
        for name in ("AUDIO_FROM_CUSTOMER", "AUDIO_TO_CUSTOMER", "OTHER")
    }
    assert numbers == {"AUDIO_FROM_CUSTOMER": 1, "AUDIO_TO_CUSTOMER": 2, "OTHER": None}
    part = str(tmp_path / "call")
    processor.save_connect_fragment_audio_track_from_customer_as_wav(dom, part)
    processor.save_connect_fragment_audio_track_to_customer_as_wav(dom, part)
    for name, number in list(numbers.items())[:2]:
        expected = b"".join(f.data for f in kvsparse.frames(call, track=number))
        assert number and processor.get_track_bytearray(dom, number) == expected
        with wave.open(f"{part}-{name}.wav") as sound:
            assert (sound.getframerate(), sound.getnchannels()) == (8000, 1)
            assert sound.readframes(1 << 30) == expected


def test_connect_sound_where_there_is_none(sample: Path, tmp_path: Path) -> None:
    processor.save_connect_fragment_audio_track_to_customer_as_wav(
        dom_of(sample), str(tmp_path / "none")
    )
    assert list(tmp_path.iterdir()) == []
