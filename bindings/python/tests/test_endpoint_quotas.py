"""The service's quotas, each at its edge."""

from __future__ import annotations

import re
import time

import pytest
from endpoint_process import EARLIEST, Endpoint, fragments, wait_for

from kvsparse.endpoint.errors import ApiError
from kvsparse.endpoint.quotas import DEFAULTS, Quotas

COUNTER = "door=counter:fragments=20,size=100,fragment_ms=1000"
LIST = {"StreamName": "door", "FragmentSelector": {
    "FragmentSelectorType": "SERVER_TIMESTAMP", "TimestampRange": {
        "StartTimestamp": 0, "EndTimestamp": 4e9}}}


class Clock:
    """A time that the test sets."""

    now = 100.0

    def __call__(self):
        return self.now


def test_calls_within_any_second():
    clock = Clock()
    quotas = Quotas({}, clock)
    for k in range(5):
        clock.now = 100.0 + k * 0.1
        quotas.call("GetMedia", "door")
    quotas.call("GetMedia", "gate")
    clock.now = 100.99
    with pytest.raises(ApiError) as caught:
        quotas.call("GetMedia", "door")
    assert caught.value.name == "ClientLimitExceededException"
    assert caught.value.status == 400
    clock.now = 101.0
    quotas.call("GetMedia", "door")
    clock.now = 101.05
    with pytest.raises(ApiError):
        quotas.call("GetMedia", "door")


def test_points():
    clock = Clock()
    quotas = Quotas({}, clock)
    quotas.points("media_points", "door", 1000)
    clock.now += 1.9
    with pytest.raises(ApiError):
        quotas.points("media_points", "door", 500)
    clock.now += 0.2
    quotas.points("media_points", "door", 500)
    with pytest.raises(ApiError):
        quotas.points("media_points", "door", 30)
    quotas.points("media_points", "gate", 30)


def test_the_documented_numbers():
    assert (DEFAULTS["get_media_tps"], DEFAULTS["get_media_connections"],
            DEFAULTS["get_media_for_fragment_list_connections"]) == (5, 3, 5)
    assert (DEFAULTS["metadata_points"], DEFAULTS["media_points"]) == (
        10000, 500)
    assert DEFAULTS["bytes_per_second"] == 25e6


def hurry(endpoint, path, fields, count):
    """So many calls at once, on one connection: their statuses."""
    request = endpoint.request(path, fields)
    data = b""
    with endpoint.connect() as sock:
        sock.sendall(request * count)
        while data.count(b"HTTP/1.1 ") < count:
            data += sock.recv(65536)
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+)", data)]


def media(stream="door"):
    """GetMedia's path and fields."""
    return "/getMedia", {"StreamName": stream, "StartSelector": EARLIEST}


def test_five_calls_a_second():
    with Endpoint("--stream", COUNTER, "--pace", "0", "--idle", "0",
                  "--stream", "gate=counter:fragments=1") as endpoint:
        assert hurry(endpoint, *media(), 7) == [200] * 5 + [400] * 2
        assert endpoint.raw_media("gate").status == 200
        time.sleep(1)
        assert endpoint.raw_media().status == 200
        for path, fields in (
                ("/describeStream", {"StreamName": "door"}),
                ("/getDataEndpoint", {"StreamName": "door",
                                      "APIName": "GET_MEDIA"})):
            assert hurry(endpoint, path, fields, 6) == [200] * 5 + [400]
        last = endpoint.calls("GetDataEndpoint")[-1]
        assert last["error"] == "ClientLimitExceededException"


def test_three_connections():
    with Endpoint("--stream", COUNTER) as endpoint:
        client = endpoint.client("kinesis-video-media")
        opened = [client.get_media(StreamName="door", StartSelector=EARLIEST)
                  for _ in range(3)]
        with pytest.raises(
                client.exceptions.ConnectionLimitExceededException):
            client.get_media(StreamName="door", StartSelector=EARLIEST)
        opened[1]["Payload"].close()
        wait_for(lambda: endpoint.control("GET", "")["streams"]["door"][
            "sessions"] == 2)
        again = client.get_media(StreamName="door", StartSelector=EARLIEST)
        assert again["Payload"].read(10)


def test_five_connections_for_lists():
    with Endpoint("--stream", COUNTER, "--pace", "0", "--idle", "0",
                  "--fault",
                  "GetMediaForFragmentList silence bytes=0") as endpoint:
        listed = endpoint.raw("/listFragments", LIST).json()["Fragments"]
        fields = {"StreamName": "door",
                  "Fragments": [listed[0]["FragmentNumber"]]}
        opened = []
        for _ in range(5):
            sock = endpoint.connect()
            sock.sendall(endpoint.request("/getMediaForFragmentList", fields))
            assert sock.recv(12) == b"HTTP/1.1 200"
            opened.append(sock)
        answer = endpoint.raw("/getMediaForFragmentList", fields)
        assert answer.headers["x-amzn-errortype"] == (
            "ConnectionLimitExceededException")
        for sock in opened:
            sock.close()


def test_points_on_the_wire():
    with Endpoint("--stream", COUNTER, "--pace", "0", "--idle",
                  "0") as endpoint:
        number = endpoint.raw("/listFragments", LIST).json()[
            "Fragments"][0]["FragmentNumber"]
        assert hurry(endpoint, "/getMediaForFragmentList", {
            "StreamName": "door", "Fragments": [number] * 300}, 2) == [
                200, 400]
        statuses = hurry(endpoint, "/listFragments", {
            **LIST, "MaxResults": 1000}, 14)
        assert statuses[:9] == [200] * 9 and 400 in statuses


def test_bandwidth():
    with Endpoint("--stream", "door=counter:fragments=10,size=20000",
                  "--pace", "0", "--idle", "0", "--quota",
                  "bytes_per_second=400000") as endpoint:
        begin = time.monotonic()
        size = len(endpoint.raw_media().body)
        assert 200000 < size < 210000
        assert size / 400000 - 0.1 < time.monotonic() - begin < 5


def test_five_fragments_a_second():
    """When a session catches up with a live stream."""
    with Endpoint("--stream", COUNTER, "--history", "15") as endpoint:
        client = endpoint.client("kinesis-video-media")
        begin = time.monotonic()
        answer = client.get_media(StreamName="door", StartSelector=EARLIEST)
        data = b""
        while time.monotonic() - begin < 1.1:
            data += answer["Payload"].read(200)
        seconds = time.monotonic() - begin
        answer["Payload"].close()
        assert 2 <= len(fragments(data)) <= 2 + 5 * seconds


def test_quotas_can_be_changed():
    with Endpoint("--stream", COUNTER, "--pace", "0", "--idle", "0",
                  "--quota", "get_media_tps=1") as endpoint:
        assert hurry(endpoint, *media(), 2) == [200, 400]
        endpoint.control("PUT", "/quotas", {"get_media_tps": 0})
        assert hurry(endpoint, *media(), 12) == [200] * 12
