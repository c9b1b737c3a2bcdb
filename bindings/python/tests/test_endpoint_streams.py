"""Recordings taken apart and told anew; streams and their clocks."""

from __future__ import annotations

import itertools

import pytest
from endpoint_process import corpus, fragments, kvsparse

from kvsparse.endpoint import documents, recordings, selectors
from kvsparse.endpoint.streams import Layout, Settings, Stream

FILES = ["kvs-getmedia/output_get_media.mkv",
         "kvs-getmedia/kinesis_video_renderer_example_output.mkv",
         "kvs-getmedia/test_mixed_tags.mkv",
         "kvs-picgen/pic_connect_like_two_audio.mkv"]


class Wall:
    """A wall clock that the test sets."""

    def __init__(self):
        self.now = 1700000000.0

    def __call__(self):
        return self.now


def made_up(count=10, settings=None, wall=None, **counter):
    """A stream of made-up fragments."""
    templates = recordings.counter(documents.Counter(count, **counter))
    return Stream("door", templates, settings or Settings(pace=0, loop=1),
                  wall=wall or Wall())


def rendered(stream, first=0, count=1, **arguments):
    """The bytes of fragments."""
    return b"".join(stream.render(stream.fragment(k), **arguments).data
                    for k in range(first, first + count))


def faults(data):
    """What kvsparse finds wrong, with CRC-32 elements verified."""
    return [item for item in kvsparse.read(data, check_crc=True)
            if isinstance(item, kvsparse.Gap)]


@pytest.mark.parametrize("name", FILES[:3])
def test_split_and_rendered_is_the_same(name):
    data = corpus(name).read_bytes()
    templates = recordings.split(data)
    stream = Stream("x", templates, Settings(0, 1, recorded=True))
    assert rendered(stream, 0, len(templates)) == data


@pytest.mark.parametrize("variant", [
    dict(counter) for counter in itertools.chain.from_iterable(
        itertools.combinations([("padded", True), ("crc", True),
                                ("cues", True)], n) for n in range(4))])
def test_made_up_streams_are_right(variant):
    """The shortcut of counter() gives what taking all apart would."""
    settings = documents.Counter(5, frames=3, size=100, **variant)
    whole = b"".join(settings.document(k) for k in range(5))
    slow, quick = recordings.split(whole), recordings.counter(settings)
    assert [(t.head, t.cluster, t.after) for t in slow] == [
        (t.head, t.cluster, t.after) for t in quick]
    stream = Stream("x", quick, Settings(0, 1))
    data = rendered(stream, 0, 5)
    assert not faults(data)
    frames = [frame for _, found, _ in fragments(data) for frame in found]
    assert frames == [settings.payload(k) for k in range(15)]
    for key, mark in (("padded", b"matroska\0"), ("crc", b"\xbf\x84"),
                      ("cues", b"\x1c\x53\xbb\x6b")):
        assert (mark in data) == bool(variant.get(key))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("cluster", ["", "unknown", "sized", "sized4"])
def test_layouts_and_loops_keep_the_frames(name, cluster):
    data = corpus(name).read_bytes()
    templates = recordings.split(data)
    stream = Stream("x", templates, Settings(
        0, 3, recorded=True, layout=Layout(cluster, void=30)))
    again = rendered(stream, 0, 3 * len(templates))
    assert not faults(again)
    before = [found for _, found, _ in fragments(data)][:len(templates)]
    after = [found for _, found, _ in fragments(again)]
    assert after == before * 3
    size = {"unknown": b"\xff", "sized": b"\x01"}
    if cluster == "sized4":
        at = again.index(b"\x1f\x43\xb6\x75")
        assert again[at + 4] >> 4 == 1
    elif cluster and not templates[0].cluster.has_crc:
        assert b"\x1f\x43\xb6\x75" + size[cluster] in again


def test_sizes_of_clusters():
    """The three forms, byte by byte."""
    for how, header in (("unknown", 5), ("sized", 12), ("sized4", 8)):
        stream = made_up(settings=Settings(0, 1, layout=Layout(how)))
        data = rendered(stream)
        at = data.index(b"\x1f\x43\xb6\x75")
        body = made_up().templates[0].cluster
        payload = body.data[body.header_size:]
        assert data[at + header:at + header + len(payload)] == payload
        told = data[at + 4:at + header]
        if how != "unknown":
            value = int.from_bytes(told, "big") & ~(
                1 << (7 * len(told)))
            assert value == len(payload)


def test_a_crc_is_right_after_a_loop():
    stream = made_up(3, Settings(0, 3), crc=True)
    data = rendered(stream, 0, 9)
    assert not faults(data)
    assert [f.start_ns // 10**9 for f, _, _ in fragments(data)] == list(
        range(9))
    broken = bytearray(data)
    broken[broken.rindex(b"\xa3\xc4") + 10] ^= 1
    assert faults(bytes(broken))


def test_absolute_timecodes_follow_the_producer():
    data = corpus(FILES[3]).read_bytes()
    templates = recordings.split(data)
    wall = Wall()
    stream = Stream("x", templates, Settings(1.0, None), wall=wall)
    found = fragments(rendered(stream, 0, 9))
    for fragment, _, _ in found:
        assert fragment.start_ns == fragment.producer_time_ns
    assert found[0][0].producer_time_ns // 10**9 == pytest.approx(
        wall.now, abs=1)


def test_absolute_timecodes_of_a_recording_go_on():
    templates = recordings.split(corpus(FILES[3]).read_bytes())
    stream = Stream("x", templates, Settings(0, 3, recorded=True))
    found = fragments(rendered(stream, 0, 3 * len(templates)))
    starts = [fragment.start_ns for fragment, _, _ in found]
    times = [fragment.producer_time_ns for fragment, _, _ in found]
    assert [b - a for a, b in zip(starts, starts[4:])] == [
        b - a for a, b in zip(times, times[4:])]
    assert starts == sorted(set(starts))


def test_numbers():
    stream = made_up(10, Settings(0, 5))
    told = [stream.number(k) for k in range(50)]
    assert {len(number) for number in told} == {47}
    assert told == sorted(set(told))
    for k in (0, 1, 9, 10, 49):
        assert stream.index_of(told[k]) == k
        assert stream.after(told[k]) == k + 1
        assert stream.after(str(int(told[k]) - 1)) == k
    assert stream.index_of("5") is None
    assert (stream.after("0"), stream.after("9" * 128)) == (0, 50)
    live = made_up(10, Settings(1.0, None))
    assert live.after(live.number(123456)) == 123457


def test_recorded_numbers_go_on():
    templates = recordings.split(corpus(FILES[0]).read_bytes())
    stream = Stream("x", templates, Settings(0, 4, recorded=True))
    told = [stream.number(k) for k in range(20)]
    assert told[:5] == [template.number for template in templates]
    assert told == sorted(set(told))
    assert [stream.index_of(number) for number in told] == list(range(20))


def test_the_clock():
    wall = Wall()
    stream = made_up(10, Settings(2.0, None, history=3.5), wall)
    assert (stream.clock(), stream.complete()) == (3.5, 3)
    wall.now += 1
    assert (stream.clock(), stream.complete()) == (5.5, 5)
    assert stream.seconds_until(6.0) == pytest.approx(0.25)
    assert stream.seconds_until(5.0) == 0
    assert stream.complete(delay=1.0) == 4


def test_a_pause():
    wall = Wall()
    stream = made_up(10, Settings(1.0, None), wall)
    wall.now += 2.5
    stream.pause()
    wall.now += 60
    assert (stream.clock(), stream.paused) == (2.5, True)
    assert stream.seconds_until(3.0) == 0.5
    stream.resume()
    wall.now += 1
    assert stream.clock() == 3.5
    times = [stream.fragment(k).server_ms - 1700000000000 for k in range(5)]
    assert times == [0, 1000, 2000, 63000, 64000]


def test_an_end():
    wall = Wall()
    stream = made_up(10, Settings(1.0, 1), wall)
    wall.now += 100
    assert (stream.complete(), stream.over(9), stream.over(10)) == (
        10, False, True)
    assert selectors.start(stream, {"StartSelectorType": "NOW"}) == 9


def test_what_is_kept():
    wall = Wall()
    stream = made_up(10, Settings(1.0, None, keep=4.0), wall)
    wall.now += 20.5
    assert stream.earliest() == 16
    for selector, index in (
            ({"StartSelectorType": "EARLIEST"}, 16),
            ({"StartSelectorType": "FRAGMENT_NUMBER",
              "AfterFragmentNumber": stream.number(3)}, 16),
            ({"StartSelectorType": "FRAGMENT_NUMBER",
              "AfterFragmentNumber": stream.number(17)}, 18)):
        assert selectors.start(stream, selector) == index
    known = selectors.in_range(stream, "SERVER_TIMESTAMP", 0, 10**13)
    assert known == [16, 17, 18, 19]


def test_a_listing_that_lags():
    wall = Wall()
    stream = made_up(10, Settings(1.0, None, list_delay=2.0), wall)
    wall.now += 5.5
    assert selectors.in_range(stream, "SERVER_TIMESTAMP", 0, 10**13) == [
        0, 1, 2]


def test_two_producers():
    stream = made_up(6, Settings(0, 1, producer_shift_ms=-3600000))
    server = [stream.fragment(k).server_ms for k in range(6)]
    producer = [stream.fragment(k).producer_ms for k in range(6)]
    assert server == sorted(server)
    assert producer != sorted(producer)
    assert [a - b for a, b in zip(server, producer)] == [
        250, 3600250] * 3


def test_times_by_producer():
    stream = made_up(6, Settings(0, 1, producer_shift_ms=-3600000))
    wanted = stream.fragment(3)
    selector = {"StartSelectorType": "PRODUCER_TIMESTAMP",
                "StartTimestamp": (wanted.producer_ms + 5) / 1000}
    assert selectors.start(stream, selector) == 3


def test_marks_and_schedule():
    stream = made_up(3, frames=4, size=50)
    found = stream.render(stream.fragment(1))
    marks, data = found.marks, found.data
    assert data[marks["head"]:][:4] == b"\x12\x54\xc3\x67"
    assert data[marks["cluster"]:][:4] == b"\x1f\x43\xb6\x75"
    assert data[marks["tail"]:][:4] == b"\x12\x54\xc3\x67"
    assert marks["cluster"] < marks["vint"] < marks["middle"] < marks["tail"]
    assert marks["end"] == len(data)
    moments = [moment for moment, _ in found.schedule]
    assert moments == [0.0, 0.0, 0.25, 0.5, 0.75, 1.0]
    for (_, stop), number in zip(found.schedule[1:5], range(4, 8)):
        frame = stream_payload(number)
        assert data[:stop].endswith(frame)


def stream_payload(number):
    """A frame of fifty bytes."""
    return documents.Counter(3, frames=4, size=50).payload(number)


def test_incomplete_recordings():
    data = corpus(FILES[0]).read_bytes()
    whole = recordings.split(data)
    cut = recordings.split(data[:len(data) - 100000])
    assert [t.number for t in cut if t.cluster] == [
        t.number for t in whole[:4]]
    with pytest.raises(recordings.RecordingError):
        recordings.split(b"no recording at all")
    with pytest.raises(recordings.RecordingError):
        recordings.split(b"")


def test_matroska_of_known_size():
    """Ordinary files: one document, many Clusters, a Segment with a size."""
    data = corpus("kvs-producer-input/vogels_480.mkv").read_bytes()
    templates = recordings.split(data)
    stream = Stream("x", templates, Settings(0, 1))
    again = rendered(stream, 0, len(templates))
    def frames(stream):
        return [bytes(item.data) for item in kvsparse.read(stream)
                if isinstance(item, kvsparse.Frame)]
    assert not faults(again)
    assert frames(again) == frames(data)
