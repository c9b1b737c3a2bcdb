"""Each call and selector, by boto3 as users have it."""

from __future__ import annotations

import datetime
import re
import time

import pytest
from botocore.exceptions import ClientError
from endpoint_process import (EARLIEST, NOW, Endpoint, corpus, counts,
                              fragments, numbers, wait_for)

COUNTER = "door=counter:fragments=20,frames=2,size=200,fragment_ms=1000"


@pytest.fixture(scope="module")
def door():
    """Twenty fragments of a second each, all there, times from 20 s ago."""
    with Endpoint("--stream", COUNTER, "--stream", "gate=counter:fragments=3",
                  "--pace", "0", "--idle", "0.05", "--no-quotas") as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def everything(door):
    """The fragments of door."""
    return fragments(door.media())


def test_get_data_endpoint(door):
    client = door.client("kinesisvideo")
    for name in ("GET_MEDIA", "LIST_FRAGMENTS", "GET_MEDIA_FOR_FRAGMENT_LIST"):
        answer = client.get_data_endpoint(StreamName="door", APIName=name)
        assert answer["DataEndpoint"] == door.url
    answer = client.get_data_endpoint(
        StreamARN=arn(door), APIName="GET_MEDIA")
    assert answer["DataEndpoint"] == door.url
    assert answer["ResponseMetadata"]["RequestId"]


def arn(door, name="door"):
    """The ARN of a stream."""
    client = door.client("kinesisvideo")
    return client.describe_stream(StreamName=name)["StreamInfo"]["StreamARN"]


def test_describe_stream(door):
    info = door.client("kinesisvideo").describe_stream(
        StreamARN=arn(door))["StreamInfo"]
    assert info["StreamName"] == "door"
    assert info["Status"] == "ACTIVE"
    assert info["DataRetentionInHours"] == 24
    assert info["MediaType"] == "video/h264"
    assert re.fullmatch(r"arn:aws:kinesisvideo:us-west-2:\d{12}:stream/door/"
                        r"\d{13}", info["StreamARN"])
    created = int(info["StreamARN"].rpartition("/")[2]) / 1000
    assert info["CreationTime"].timestamp() == pytest.approx(created, abs=1)


def test_list_streams_pages():
    with Endpoint("--stream", "cam{0..24}=counter:fragments=1", "--stream",
                  "other=counter:fragments=1", "--pace", "0") as endpoint:
        client = endpoint.client("kinesisvideo")
        pages = list(client.get_paginator("list_streams").paginate(
            PaginationConfig={"PageSize": 10},
            StreamNameCondition={"ComparisonOperator": "BEGINS_WITH",
                                 "ComparisonValue": "cam"}))
        assert [len(page["StreamInfoList"]) for page in pages] == [10, 10, 5]
        assert pages[-1].get("NextToken") is None
        names = {info["StreamName"] for page in pages
                 for info in page["StreamInfoList"]}
        assert names == {"cam%d" % k for k in range(25)}
        assert len(client.list_streams()["StreamInfoList"]) == 26
        pages = list(client.get_paginator("list_streams").paginate(
            PaginationConfig={"PageSize": 13}))
        assert [len(page["StreamInfoList"]) for page in pages] == [13, 13]


def test_get_media_delivers_what_was_made(everything):
    assert len(everything) == 20
    assert all(end.complete for _, _, end in everything)
    frames = [frame for _, found, _ in everything for frame in found]
    assert [int.from_bytes(f[:8], "big") for f in frames] == list(range(40))
    assert {len(frame) for frame in frames} == {200}
    for fragment, _, end in everything:
        assert end.continuation_token == fragment.number
        assert len(fragment.number) == 47


def test_times_are_a_second_apart(everything):
    starts = [fragment.server_time_ns for fragment, _, _ in everything]
    assert {b - a for a, b in zip(starts, starts[1:])} == {1000000000}
    assert abs(starts[-1] / 1e9 - time.time()) < 120


def test_a_recording_comes_as_it_is():
    path = corpus("kvs-getmedia/output_get_media.mkv")
    with Endpoint("--stream", "door=%s" % path, "--pace", "0", "--idle",
                  "0.05") as endpoint:
        assert endpoint.media() == path.read_bytes()


@pytest.mark.parametrize("name", [
    "kinesis_video_renderer_example_output.mkv", "test_mixed_tags.mkv"])
def test_other_recordings_come_as_they_are(name):
    path = corpus("kvs-getmedia/" + name)
    with Endpoint("--stream", "door=%s" % path, "--pace", "0", "--idle",
                  "0.05", "--chunk", "1-3000") as endpoint:
        assert endpoint.media() == path.read_bytes()


def test_earliest_and_now(door, everything):
    assert counts(door.media(EARLIEST)) == list(range(40))
    assert counts(door.media(NOW)) == [38, 39]


def test_after_a_fragment_number(door, everything):
    number = everything[4][0].number
    selector = {"StartSelectorType": "FRAGMENT_NUMBER",
                "AfterFragmentNumber": number}
    assert counts(door.media(selector)) == list(range(10, 40))
    below = str(int(number) - 1).rjust(47, "0")
    selector["AfterFragmentNumber"] = below
    assert counts(door.media(selector)) == list(range(8, 40))
    selector["AfterFragmentNumber"] = everything[-1][0].number
    assert door.media(selector) == b""


def test_after_a_token(door, everything):
    assert counts(door.media({
        "StartSelectorType": "CONTINUATION_TOKEN",
        "ContinuationToken": everything[9][2].continuation_token,
    })) == list(range(20, 40))


@pytest.mark.parametrize("kind", ["SERVER", "PRODUCER"])
def test_from_a_time(door, everything, kind):
    times = [getattr(fragment, kind.lower() + "_time")
             for fragment, _, _ in everything]
    # boto3 sends whole seconds: what it cuts off is in the fragment before
    wanted = times[7] + datetime.timedelta(milliseconds=900)
    whole = wanted.replace(microsecond=0)
    index = max(k for k, moment in enumerate(times) if moment <= whole)
    data = door.media({"StartSelectorType": kind + "_TIMESTAMP",
                       "StartTimestamp": wanted})
    assert counts(data) == list(range(2 * index, 40))


def test_from_a_time_to_the_millisecond(door, everything):
    starts = [f.server_time_ns // 1000000 for f, _, _ in everything]
    for milliseconds, first in ((starts[5], 5), (starts[5] - 1, 4),
                                (starts[5] + 999, 5), (starts[0] - 5000, 0)):
        answer = door.raw_media(selector={
            "StartSelectorType": "SERVER_TIMESTAMP",
            "StartTimestamp": milliseconds / 1000})
        assert counts(answer.body)[0] == 2 * first
    answer = door.raw_media(selector={
        "StartSelectorType": "SERVER_TIMESTAMP", "StartTimestamp": 9e9})
    assert (answer.status, answer.body) == (200, b"")


def test_inclusive_resume(everything):
    with Endpoint("--stream", COUNTER, "--pace", "0", "--idle", "0.05",
                  "--resume", "inclusive") as endpoint:
        number = fragments(endpoint.media())[4][0].number
        assert counts(endpoint.media({
            "StartSelectorType": "FRAGMENT_NUMBER",
            "AfterFragmentNumber": number})) == list(range(8, 40))
        assert counts(endpoint.media({
            "StartSelectorType": "CONTINUATION_TOKEN",
            "ContinuationToken": number})) == list(range(8, 40))


def window(everything, first, last):
    """A range of times that holds these fragments."""
    def moment(index):
        return everything[index][0].server_time
    return {"FragmentSelectorType": "SERVER_TIMESTAMP", "TimestampRange": {
        "StartTimestamp": moment(first) - datetime.timedelta(seconds=1),
        "EndTimestamp": moment(last) + datetime.timedelta(seconds=1)}}


def test_list_fragments_pages_in_disorder(door, everything):
    client = door.archived()
    pages = list(client.get_paginator("list_fragments").paginate(
        StreamName="door", PaginationConfig={"PageSize": 6},
        FragmentSelector=window(everything, 0, 19)))
    assert [len(page["Fragments"]) for page in pages] == [6, 6, 6, 2]
    listed = [f["FragmentNumber"] for page in pages for f in page["Fragments"]]
    known = [fragment.number for fragment, _, _ in everything]
    assert listed != known
    assert sorted(listed) == known
    first = [f["FragmentNumber"] for f in pages[0]["Fragments"]]
    assert max(first) > min(listed[6:])  # no order across pages either


def test_a_last_page_that_is_full(door, everything):
    pages = list(door.archived().get_paginator("list_fragments").paginate(
        StreamName="door", PaginationConfig={"PageSize": 10},
        FragmentSelector=window(everything, 0, 19)))
    assert [len(page["Fragments"]) for page in pages] == [10, 10]


def test_list_fragments_tells_sizes_and_times(door, everything):
    answer = door.raw("/listFragments", {
        "StreamName": "door", "MaxResults": 1000, "FragmentSelector": {
            "FragmentSelectorType": "PRODUCER_TIMESTAMP", "TimestampRange": {
                "StartTimestamp": 0, "EndTimestamp": 4e9}}}).json()
    assert answer["NextToken"] is None
    listed = {f["FragmentNumber"]: f for f in answer["Fragments"]}
    for fragment, _, _ in everything:
        told = listed[fragment.number]
        for name in ("Server", "Producer"):
            expected = getattr(fragment, name.lower() + "_time_ns")
            assert round(told[name + "Timestamp"] * 1000) == (
                expected // 1000000)
        assert told["FragmentLengthInMilliseconds"] == 1000
        body = door.archived().get_media_for_fragment_list(
            StreamName="door", Fragments=[fragment.number])["Payload"].read()
        assert told["FragmentSizeInBytes"] == len(body)


def test_list_fragments_is_inclusive_at_both_ends(door, everything):
    def listed(begin, end):
        answer = door.raw("/listFragments", {
            "StreamName": "door", "FragmentSelector": {
                "FragmentSelectorType": "SERVER_TIMESTAMP", "TimestampRange": {
                    "StartTimestamp": begin, "EndTimestamp": end}}})
        return len(answer.json()["Fragments"])
    first = everything[3][0].server_time_ns // 1000000 / 1000
    last = everything[6][0].server_time_ns // 1000000 / 1000
    assert listed(first, last) == 4
    assert listed(round(first + 0.001, 3), last) == 3
    assert listed(first, round(last - 0.001, 3)) == 3


def test_fragment_list_has_no_tail(door, everything):
    wanted = [everything[k][0].number for k in (7, 2, 11)]
    client = door.archived()
    answer = client.get_media_for_fragment_list(StreamName="door",
                                                Fragments=wanted)
    data = answer["Payload"].read()
    found = fragments(data)
    assert [fragment.number for fragment, _, _ in found] == wanted
    assert b"CONTINUATION_TOKEN" not in data
    assert b"AWS_KINESISVIDEO_SERVER_TIMESTAMP" in data
    assert [end.complete for _, _, end in found] == [False] * 3


def test_fragment_list_in_the_documented_spelling():
    with Endpoint("--stream", COUNTER, "--pace", "0", "--idle", "0.05",
                  "--long-names") as endpoint:
        known = fragments(endpoint.media())
        data = endpoint.archived().get_media_for_fragment_list(
            StreamName="door", Fragments=[known[3][0].number])[
                "Payload"].read()
        assert b"SERVER_SIDE_TIMESTAMP" in data
        assert b"VIDEO_SERVER_TIMESTAMP" not in data
        found = fragments(data)[0][0]
        assert found.server_time_ns == known[3][0].server_time_ns
        assert found.producer_time_ns == known[3][0].producer_time_ns


def test_fragment_that_is_not_there(door, everything):
    data = door.archived().get_media_for_fragment_list(
        StreamName="door", Fragments=["123", everything[0][0].number])[
            "Payload"].read()
    found = fragments(data)
    assert [fragment.number for fragment, _, _ in found] == [
        "123", everything[0][0].number]
    assert b"AWS_KINESISVIDEO_EXCEPTION_ERROR_CODE" in data
    assert b"AWS_KINESISVIDEO_EXCEPTION_MESSAGE" in data


@pytest.mark.parametrize("path, fields, name, status", [
    ("/getMedia", {"StreamName": "none", "StartSelector": NOW},
     "ResourceNotFoundException", 404),
    ("/getMedia", {"StartSelector": NOW}, "InvalidArgumentException", 400),
    ("/getMedia", {"StreamName": "a b", "StartSelector": NOW},
     "InvalidArgumentException", 400),
    ("/getMedia", {"StreamARN": "arn:x", "StartSelector": NOW},
     "InvalidArgumentException", 400),
    ("/getMedia", {"StreamName": "door"}, "InvalidArgumentException", 400),
    ("/getMedia", {"StreamName": "door", "StartSelector": {
        "StartSelectorType": "LATEST"}}, "InvalidArgumentException", 400),
    ("/getMedia", {"StreamName": "door", "StartSelector": {
        "StartSelectorType": "FRAGMENT_NUMBER", "AfterFragmentNumber": "x"}},
     "InvalidArgumentException", 400),
    ("/getMedia", {"StreamName": "door", "StartSelector": {
        "StartSelectorType": "FRAGMENT_NUMBER",
        "AfterFragmentNumber": "1" * 129}}, "InvalidArgumentException", 400),
    ("/getMedia", {"StreamName": "door", "StartSelector": {
        "StartSelectorType": "SERVER_TIMESTAMP", "StartTimestamp": "now"}},
     "InvalidArgumentException", 400),
    ("/getMedia", {"StreamName": "door", "StartSelector": {
        "StartSelectorType": "CONTINUATION_TOKEN"}},
     "InvalidArgumentException", 400),
    ("/getDataEndpoint", {"StreamName": "door", "APIName": "GET_IT"},
     "InvalidArgumentException", 400),
    ("/describeStream", {"StreamName": "none"},
     "ResourceNotFoundException", 404),
    ("/listFragments", {"StreamName": "door"},
     "InvalidArgumentException", 400),
    ("/listFragments", {"StreamName": "door", "NextToken": "!"},
     "InvalidArgumentException", 400),
    ("/listFragments", {"StreamName": "door", "MaxResults": 1001},
     "InvalidArgumentException", 400),
    ("/listFragments", {"StreamName": "door", "FragmentSelector": {
        "FragmentSelectorType": "SERVER_TIMESTAMP", "TimestampRange": {
            "StartTimestamp": 5, "EndTimestamp": 4}}},
     "InvalidArgumentException", 400),
    ("/getMediaForFragmentList", {"StreamName": "door", "Fragments": []},
     "InvalidArgumentException", 400),
    ("/getMediaForFragmentList", {"StreamName": "door",
                                  "Fragments": ["1"] * 1001},
     "InvalidArgumentException", 400),
    ("/getMediaForFragmentList", {"StreamName": "door", "Fragments": [1]},
     "InvalidArgumentException", 400),
    ("/getTea", {}, "UnknownOperationException", 404),
    ("/getMedia", b"{", "SerializationException", 400),
])
def test_refusals(door, path, fields, name, status):
    answer = door.raw(path, fields)
    assert answer.status == status
    assert answer.headers["x-amzn-errortype"] == name
    assert answer.headers["x-amzn-requestid"]
    front_end = name in ("UnknownOperationException", "SerializationException")
    body = answer.json()
    if not front_end:
        assert list(body) == ["Message"] and body["Message"]


def test_an_arn_is_of_one_stream(door):
    right = arn(door)
    assert door.raw("/describeStream", {"StreamARN": right}).status == 200
    for fields, status in (
            ({"StreamARN": right[:-1] + str((int(right[-1]) + 1) % 10)}, 404),
            ({"StreamARN": right.replace("/door/", "/gate/")}, 404),
            ({"StreamARN": right, "StreamName": "door"}, 200),
            ({"StreamARN": right, "StreamName": "gate"}, 400)):
        assert door.raw("/describeStream", fields).status == status


def test_boto3_knows_the_errors(door):
    client = door.client("kinesis-video-media")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_media(StreamName="none", StartSelector=NOW)
    with pytest.raises(ClientError) as caught:
        client.get_media(StreamName="door", StartSelector={
            "StartSelectorType": "CONTINUATION_TOKEN",
            "ContinuationToken": "no-token"})
    assert caught.value.response["Error"]["Code"] == "InvalidArgumentException"


def test_a_stream_that_is_not_active(door):
    door.control("POST", "/stream", {"name": "gate", "status": "DELETING"})
    try:
        info = door.client("kinesisvideo").describe_stream(StreamName="gate")
        assert info["StreamInfo"]["Status"] == "DELETING"
        assert door.raw_media("gate").status == 404
    finally:
        door.control("POST", "/stream", {"name": "gate", "status": "ACTIVE"})


def test_no_retention_no_archive():
    with Endpoint("--stream", COUNTER, "--pace", "0", "--idle", "0.05",
                  "--retention", "0") as endpoint:
        answer = endpoint.raw("/listFragments", {
            "StreamName": "door", "FragmentSelector": {
                "FragmentSelectorType": "SERVER_TIMESTAMP", "TimestampRange": {
                    "StartTimestamp": 0, "EndTimestamp": 4e9}}})
        assert answer.json()["Fragments"] == []
        assert len(counts(endpoint.media())) == 40


def test_separate_data_endpoint():
    with Endpoint("--stream", COUNTER, "--pace", "0", "--idle", "0.05",
                  "--data-endpoint", "separate", "--no-quotas") as endpoint:
        control = endpoint.client("kinesisvideo")
        url = control.get_data_endpoint(
            StreamName="door", APIName="GET_MEDIA")["DataEndpoint"]
        assert url != endpoint.url
        wrong = endpoint.raw_media()
        assert wrong.status == 400
        assert wrong.headers["x-amzn-errortype"] == "InvalidEndpointException"
        client = endpoint.client("kinesis-video-media", url)
        answer = client.get_media(StreamName="door", StartSelector=EARLIEST)
        assert len(counts(answer["Payload"].read())) == 40
        endpoint.control("POST", "/rotate", {})
        with pytest.raises(client.exceptions.InvalidEndpointException):
            client.get_media(StreamName="door", StartSelector=EARLIEST)
        again = control.get_data_endpoint(
            StreamName="door", APIName="GET_MEDIA")["DataEndpoint"]
        assert again not in (url, endpoint.url)
        client = endpoint.client("kinesis-video-media", again)
        answer = client.get_media(StreamName="door", StartSelector=EARLIEST)
        assert len(counts(answer["Payload"].read())) == 40


def test_a_data_endpoint_that_was_this_one_gets_stale():
    with Endpoint("--stream", COUNTER, "--pace", "0", "--idle", "0.05",
                  "--no-quotas") as endpoint:
        assert endpoint.raw_media().status == 200
        told = endpoint.control("POST", "/rotate", {})["data_endpoint"]
        wrong = endpoint.raw_media()
        assert wrong.headers["x-amzn-errortype"] == "InvalidEndpointException"
        url = endpoint.client("kinesisvideo").get_data_endpoint(
            StreamName="door", APIName="GET_MEDIA")["DataEndpoint"]
        assert url == told != endpoint.url
        client = endpoint.client("kinesis-video-media", url)
        answer = client.get_media(StreamName="door", StartSelector=EARLIEST)
        assert len(counts(answer["Payload"].read())) == 40


def test_loops_have_new_numbers_and_times():
    with Endpoint("--stream", COUNTER, "--pace", "0", "--loop", "3",
                  "--idle", "0.05") as endpoint:
        found = fragments(endpoint.media())
        assert len(found) == 60
        told = [int(fragment.number) for fragment, _, _ in found]
        assert all(a < b for a, b in zip(told, told[1:]))
        for name in ("server_time_ns", "producer_time_ns", "start_ns"):
            times = [getattr(fragment, name) for fragment, _, _ in found]
            assert {b - a for a, b in zip(times, times[1:])} == {1000000000}
        assert not any(fragment.discontinuity for fragment, _, _ in found)


def test_a_recording_loops_without_a_break():
    path = corpus("kvs-getmedia/output_get_media.mkv")
    with Endpoint("--stream", "door=%s" % path, "--pace", "0", "--loop", "3",
                  "--idle", "0.05") as endpoint:
        data = endpoint.media()
        assert data.startswith(path.read_bytes())
        found = fragments(data)
        assert len(found) == 15
        assert not any(fragment.discontinuity for fragment, _, _ in found)
        assert [len(frames) for _, frames, _ in found] == [60] * 15
        assert [frames for _, frames, _ in found[:5]] == [
            frames for _, frames, _ in found[10:]]
        told = [int(fragment.number) for fragment, _, _ in found]
        assert all(a < b for a, b in zip(told, told[1:]))
        step = {b.producer_time_ns - a.producer_time_ns for (a, _, _), (
            b, _, _) in zip(found, found[1:])}
        assert step == {2000000000}


def complete(endpoint):
    """How many fragments there are of a stream by now."""
    return endpoint.control("GET", "")["streams"]["door"]["complete"]


def test_live_comes_when_it_is_made():
    """At its own pace: frames are not there before their time."""
    with Endpoint("--stream", "door=counter:fragments=3,frames=4,"
                  "fragment_ms=400") as endpoint:
        earlier = time.monotonic()
        clock = endpoint.control("GET", "")["streams"]["door"]["clock"]
        client = endpoint.client("kinesis-video-media")
        answer = client.get_media(StreamName="door", StartSelector=EARLIEST)
        data, late = b"", {}
        while len(late) < 12:
            data += answer["Payload"].read(1)
            for k in set(range(12)) - set(late):
                if b"\x80" + k.to_bytes(8, "big") in data:
                    due = earlier + k * 0.1 - clock
                    late[k] = time.monotonic() - due
        answer["Payload"].close()
        assert min(late.values()) > -0.02
        assert min(late.values()) < 1  # and not much later


def test_now_of_a_live_stream():
    for kind, distance in (("last", -1), ("current", 0), ("next", 1)):
        with Endpoint("--stream", "door=counter:fragments=10,fragment_ms=600",
                      "--history", "60", "--now", kind) as endpoint:
            client = endpoint.client("kinesis-video-media")
            before = complete(endpoint)
            answer = client.get_media(StreamName="door", StartSelector=NOW)
            after = complete(endpoint)
            data = answer["Payload"].read(700)
            answer["Payload"].close()
            number = int(fragments(data)[0][0].number[-20:])
            assert before + distance <= number <= after + distance


def test_behind_now_gets_less():
    with Endpoint("--stream", "door=counter:fragments=10,fragment_ms=200",
                  "--history", "3", "--no-quotas") as endpoint:
        client = endpoint.client("kinesis-video-media")
        answer = client.get_media(StreamName="door", StartSelector=EARLIEST)
        data = answer["Payload"].read(9000)
        answer["Payload"].close()
        behind = [end.fragment.millis_behind_now
                  for _, _, end in fragments(data)
                  if end and end.complete]
        assert 2000 < behind[0] < 60000
        assert behind == sorted(behind, reverse=True)


def test_a_producer_that_goes_and_comes_back():
    with Endpoint("--stream", "door=counter:fragments=10,fragment_ms=200",
                  "--idle", "0.4") as endpoint:
        endpoint.control("POST", "/stream", {"name": "door", "paused": True})
        answer = endpoint.raw_media(selector=NOW)
        assert answer.ended == "whole"
        assert endpoint.calls("GetMedia")[-1]["end"] == "idle"
        endpoint.control("POST", "/stream", {"name": "door", "paused": False})
        client = endpoint.client("kinesis-video-media")
        live = client.get_media(StreamName="door", StartSelector=NOW)
        assert len(live["Payload"].read(2000)) == 2000
        live["Payload"].close()


def test_idle_counts_from_the_last_bytes():
    with Endpoint("--stream", "door=counter:fragments=10,fragment_ms=250",
                  "--idle", "0.8") as endpoint:
        client = endpoint.client("kinesis-video-media")
        live = client.get_media(StreamName="door", StartSelector=NOW)
        live["Payload"].read(3000)  # more than idle's time
        endpoint.control("POST", "/stream", {"name": "door", "paused": True})
        begin = time.monotonic()
        live["Payload"].read()
        assert 0.6 < time.monotonic() - begin < 5


def test_sessions_do_not_last_for_ever():
    with Endpoint("--stream", "door=counter:fragments=10,fragment_ms=400,"
                  "frames=4", "--session", "1") as endpoint:
        begin = time.monotonic()
        answer = endpoint.raw_media(selector=NOW)
        assert answer.ended == "whole"
        assert 0.9 < time.monotonic() - begin < 6
        assert fragments(answer.body)
        assert endpoint.calls("GetMedia")[-1]["end"] == "session"


def test_clients_that_leave_free_their_place():
    with Endpoint("--stream", COUNTER) as endpoint:
        client = endpoint.client("kinesis-video-media")
        for _ in range(4):
            answer = client.get_media(StreamName="door", StartSelector=NOW)
            answer["Payload"].read(10)
            answer["Payload"].close()
            wait_for(lambda: endpoint.control("GET", "")["streams"]["door"][
                "sessions"] == 0)
        assert [entry["end"] for entry in endpoint.calls("GetMedia")] == [
            "gone"] * 4


def test_only_so_much_is_kept():
    with Endpoint("--stream", COUNTER, "--history", "15.5", "--keep",
                  "5", "--loop", "1", "--pace", "1") as endpoint:
        client = endpoint.client("kinesis-video-media")
        answer = client.get_media(StreamName="door", StartSelector=EARLIEST)
        data = answer["Payload"].read(2000)
        answer["Payload"].close()
        assert counts(data)[0] in (20, 22)


def test_tracks_change_between_recordings(tmp_path):
    one, two = (corpus("kvs-getmedia/" + name) for name in (
        "output_get_media.mkv", "test_mixed_tags.mkv"))
    with Endpoint("--stream", "door=%s+%s" % (one, two), "--pace", "0",
                  "--idle", "0.05") as endpoint:
        found = fragments(endpoint.media())
        assert len(found) == 15
        assert [k for k, (fragment, _, _) in enumerate(found)
                if fragment.new_tracks] == [0, 5]
        assert numbers(endpoint.media())[5:] == [
            fragment.number for fragment, _, _ in found[5:]]


def test_matroska_without_service_tags():
    path = corpus("kvs-producer-input/clusters.mkv")
    with Endpoint("--stream", "door=%s" % path, "--pace", "0", "--idle",
                  "0.05") as endpoint:
        found = fragments(endpoint.media())
        assert len(found) == 8
        assert all(len(f.number) == 47 and f.tracks for f, _, _ in found)
        assert all(end.complete for _, _, end in found)
        assert sum(len(frames) for _, frames, _ in found) == 444
