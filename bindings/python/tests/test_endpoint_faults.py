"""Each fault, seen on the wire with a raw socket."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
from endpoint_process import (EARLIEST, Endpoint, Answer, counts, environment,
                              fragments, numbers)

COUNTER = "door=counter:fragments=10,frames=4,size=500,fragment_ms=1000"


@pytest.fixture(scope="module")
def endpoint():
    """Ten fragments at once; the quotas are elsewhere."""
    with Endpoint("--stream", COUNTER, "--pace", "0", "--idle", "0.05",
                  "--no-quotas", "--seed", "7") as running:
        yield running


@pytest.fixture(scope="module")
def whole(endpoint):
    """What comes without a fault."""
    endpoint.rules()
    return endpoint.raw_media().body


@pytest.fixture(scope="module")
def starts(whole):
    """Where the fragments begin in it."""
    return [fragment.offset for fragment, _, _ in fragments(whole)]


def with_fault(endpoint, fault, **arguments):
    """The answer to a GetMedia with this fault."""
    endpoint.rules(fault)
    try:
        return endpoint.raw_media(**arguments)
    finally:
        endpoint.rules()


def test_without_a_fault(endpoint, whole):
    answer = with_fault(endpoint, "GetMedia chunks")
    assert answer.ended == "whole"
    assert answer.body == whole
    assert counts(whole) == list(range(40))
    assert list(answer.headers) == ["x-amzn-requestid", "content-type",
                                    "transfer-encoding", "date"]


@pytest.mark.parametrize("at", [0, 1, 700, 2499, 2500, 12345])
def test_cut_at_a_byte_of_the_body(endpoint, whole, at):
    answer = with_fault(endpoint, "GetMedia cut bytes=%d" % at)
    assert answer.ended == "closed"
    assert answer.body == whole[:at]
    assert not answer.data.endswith(b"0\r\n\r\n")


def test_a_cut_breaks_off_a_chunk(endpoint):
    """Not between two of them: more was promised than came."""
    answer = with_fault(endpoint, "GetMedia cut bytes=700")
    assert sum(answer.chunks) > 700 == len(answer.body)


def test_cut_at_every_byte_around_a_fragments_end(endpoint, whole, starts):
    for at in range(starts[1] - 40, starts[1] + 70):
        answer = with_fault(endpoint, "GetMedia cut bytes=%d" % at)
        assert (answer.ended, len(answer.body)) == ("closed", at)
        assert answer.body == whole[:at]


def test_cut_at_every_byte_of_the_wire(endpoint):
    """Status line, headers and all."""
    plain = endpoint.raw_media().data
    head = plain.index(b"\r\n\r\n") + 4
    for at in [*range(0, 300, 7), *range(head - 3, head + 12)]:
        answer = with_fault(endpoint, "GetMedia cut wire=%d" % at)
        assert answer.ended == "closed"
        assert len(answer.data) == at
        assert answer.data[:16] == plain[:min(16, at)]


def test_cut_of_a_json_answer(endpoint):
    endpoint.rules("GetDataEndpoint cut wire=200")
    answer = endpoint.raw("/getDataEndpoint", {
        "StreamName": "door", "APIName": "GET_MEDIA"})
    endpoint.rules()
    assert answer.ended == "closed"
    assert len(answer.data) == 200


@pytest.mark.parametrize("fault", ["reset bytes=3000", "reset wire=3200",
                                   "reset fragments=2", "reset wire=0"])
def test_reset(endpoint, whole, fault):
    answer = with_fault(endpoint, "GetMedia " + fault)
    assert answer.ended == "reset"
    assert answer.body == whole[:len(answer.body)]


def test_reset_after_bytes_that_arrive(endpoint, whole):
    answer = with_fault(endpoint, "GetMedia reset bytes=3000")
    assert answer.body == whole[:3000]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_end_after_fragments(endpoint, whole, starts, count):
    answer = with_fault(endpoint, "GetMedia end fragments=%d" % count)
    assert answer.ended == "whole"
    assert answer.body == whole[:starts[count]]


def test_end_in_the_middle(endpoint, whole):
    answer = with_fault(endpoint, "GetMedia end bytes=4321")
    assert answer.ended == "whole"
    assert answer.body == whole[:4321]


def test_end_without_tail_tags(endpoint, whole):
    answer = with_fault(endpoint, "GetMedia end fragments=2 place=tail")
    found = fragments(answer.body)
    assert [end.complete for _, _, end in found] == [True, True, False]
    assert [len(frames) for _, frames, _ in found] == [4, 4, 4]


def test_cut_at_places(endpoint, whole, starts):
    cluster = whole.index(b"\x1f\x43\xb6\x75", starts[2])
    head = whole.index(b"\x12\x54\xc3\x67\x10", starts[2])
    for place, at in (("head", head), ("cluster", cluster),
                      ("vint", cluster + 4), ("end", starts[3])):
        answer = with_fault(endpoint, "GetMedia cut fragments=2 place=%s"
                            % place)
        assert answer.body == whole[:at], place
    answer = with_fault(endpoint, "GetMedia cut fragments=2 place=middle")
    assert cluster + 100 < len(answer.body) < starts[3] - 300
    answer = with_fault(endpoint,
                        "GetMedia cut fragments=2 place=cluster plus=2")
    assert len(answer.body) == cluster + 2


def test_silence_and_on(endpoint, whole):
    answer = with_fault(endpoint, "GetMedia silence bytes=5000 seconds=0.7")
    assert answer.ended == "whole"
    assert answer.body == whole
    assert 0.6 < max(answer.pauses) < 5


@pytest.mark.parametrize("then, ended", [("cut", "closed"), ("end", "whole"),
                                         ("reset", "reset")])
def test_silence_and_the_end(endpoint, whole, then, ended):
    answer = with_fault(
        endpoint, "GetMedia silence fragments=1 seconds=0.3 then=" + then)
    assert answer.ended == ended
    assert len(fragments(answer.body)) == 1


def test_silence_that_lasts(endpoint, starts):
    answer = with_fault(endpoint, "GetMedia silence fragments=2", seconds=0.6)
    assert answer.ended == "silent"
    assert len(answer.body) == starts[2]


def test_delay(endpoint):
    begin = time.monotonic()
    answer = with_fault(endpoint, "GetMedia delay seconds=0.5")
    assert answer.status == 200
    assert 0.5 <= time.monotonic() - begin < 10


@pytest.mark.parametrize("name, status, key", [
    ("ClientLimitExceededException", 400, "Message"),
    ("ConnectionLimitExceededException", 400, "Message"),
    ("ResourceNotFoundException", 404, "Message"),
    ("NotAuthorizedException", 401, "Message"),
    ("InvalidEndpointException", 400, "Message"),
    ("AccessDeniedException", 403, "Message"),
    ("ExpiredTokenException", 403, "message"),
    ("ThrottlingException", 400, "message"),
    ("InternalFailure", 500, "Message"),
    ("ServiceUnavailable", 503, "Message"),
])
def test_errors(endpoint, name, status, key):
    answer = with_fault(endpoint, "GetMedia error type=" + name)
    assert answer.status == status
    assert answer.headers["x-amzn-errortype"] == name
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-amzn-requestid"]
    assert list(answer.json()) == [key]


def test_shapes_of_errors(endpoint):
    answer = with_fault(endpoint, {"call": "GetMedia", "fault": {
        "do": "error", "type": "ResourceNotFoundException", "uri": True,
        "message": "where?", "key": "message"}})
    assert answer.headers["x-amzn-errortype"].startswith(
        "ResourceNotFoundException:http")
    assert answer.json() == {"message": "where?"}
    answer = with_fault(endpoint, "GetMedia error type=X status=418 "
                        "header=false type_key=__type")
    assert answer.status == 418
    assert "x-amzn-errortype" not in answer.headers
    assert answer.json() == {"__type": "X", "Message": "X"}
    answer = with_fault(endpoint, {"call": "GetMedia", "fault": {
        "do": "error", "status": 503, "header": False,
        "body": "<html>no</html>", "headers": {"Retry-After": "1"}}})
    assert (answer.status, answer.body) == (503, b"<html>no</html>")
    assert answer.headers["retry-after"] == "1"


def test_boto3_sees_a_throttled_call(endpoint):
    endpoint.rules("GetMedia error type=ClientLimitExceededException times=1")
    client = endpoint.client("kinesis-video-media")
    with pytest.raises(client.exceptions.ClientLimitExceededException):
        client.get_media(StreamName="door", StartSelector=EARLIEST)
    assert client.get_media(StreamName="door", StartSelector=EARLIEST)
    endpoint.rules()


@pytest.mark.parametrize("error_id", [3002, 4000, 4500, 4501, 4502, 4503, 4504,
                                      4505, 4506, 5000])
def test_error_tags(endpoint, whole, starts, error_id):
    answer = with_fault(endpoint, "GetMedia error_tags fragments=2 id=%d"
                        % error_id)
    assert answer.ended == "whole"
    assert answer.body[:starts[2]] == whole[:starts[2]]
    fragment, frames, end = fragments(answer.body)[2]
    assert fragment.error_id == error_id
    assert fragment.error_code
    assert fragment.number == numbers(whole)[2]
    assert not frames and not end.complete


def test_error_tags_elsewhere(endpoint, whole):
    answer = with_fault(endpoint, "GetMedia error_tags fragments=2 id=3002 "
                        "where=cluster code=OWN then=on")
    found = fragments(answer.body)
    assert len(found) == 11
    assert (found[2][0].error_id, found[2][0].error_code) == (3002, "OWN")
    assert len(found[2][1]) == 4 and found[3][0].error_id is None
    answer = with_fault(endpoint, "GetMedia error_tags fragments=2 place=tail "
                        "id=5000 where=tags then=cut")
    assert answer.ended == "closed"
    fragment, frames, end = fragments(answer.body)[2]
    assert (fragment.error_id, len(frames), end.complete) == (5000, 4, False)


def test_chunks(endpoint, whole):
    answer = with_fault(endpoint, "GetMedia chunks size=1")
    assert answer.body == whole
    assert set(answer.chunks) == {1}
    answer = with_fault(endpoint, "GetMedia chunks size=[3,40]")
    assert answer.body == whole
    assert min(answer.chunks) < 10 and 30 < max(answer.chunks) <= 40
    assert len(set(answer.chunks)) > 20


def test_slow(endpoint, whole):
    begin = time.monotonic()
    answer = with_fault(endpoint, "GetMedia slow bytes_per_second=%d"
                        % (len(whole) * 2))
    assert answer.body == whole
    assert 0.4 < time.monotonic() - begin < 5


def test_no_tail(endpoint):
    answer = with_fault(endpoint, "GetMedia no_tail every=3")
    assert [end.complete for _, _, end in fragments(answer.body)] == [
        (k + 1) % 3 != 0 for k in range(10)]


def test_double(endpoint, whole):
    answer = with_fault(endpoint, "GetMedia double every=4")
    expected = numbers(whole)
    for index in (7, 3):
        expected.insert(index, expected[index])
    assert numbers(answer.body) == expected


def test_swap(endpoint, whole):
    answer = with_fault(endpoint, "GetMedia swap every=4")
    assert [block // 4 for block in counts(answer.body)[::4]] == [
        1, 0, 2, 3, 5, 4, 6, 7, 9, 8]


def test_no_cluster(endpoint):
    answer = with_fault(endpoint, "GetMedia no_cluster every=5")
    found = fragments(answer.body)
    assert [len(frames) for _, frames, _ in found] == [4] * 4 + [0] + (
        [4] * 5) + [0, 4]
    assert [f.number is None for f, _, _ in found].count(True) == 2


def test_replay(endpoint, whole):
    known = numbers(whole)
    answer = with_fault(endpoint, "GetMedia replay count=2", selector={
        "StartSelectorType": "FRAGMENT_NUMBER",
        "AfterFragmentNumber": known[5]})
    assert numbers(answer.body) == known[4:]


@pytest.mark.parametrize("where", ["self", "separate", "stale", "dead",
                                   "http://127.0.0.1:9"])
def test_endpoints(endpoint, where):
    endpoint.rules("GetDataEndpoint endpoint answer=" + where)
    url = endpoint.client("kinesisvideo").get_data_endpoint(
        StreamName="door", APIName="GET_MEDIA")["DataEndpoint"]
    endpoint.rules()
    client = endpoint.client("kinesis-video-media", url)
    def call():
        return client.get_media(StreamName="door", StartSelector=EARLIEST)
    if where == "stale":
        with pytest.raises(client.exceptions.InvalidEndpointException):
            call()
    elif where in ("self", "separate"):
        assert len(call()["Payload"].read()) > 20000
    else:
        with pytest.raises(Exception, match="[Cc]onnect"):
            call()


def test_missing(endpoint, whole):
    known = numbers(whole)
    def ask(fault):
        endpoint.rules(fault)
        answer = endpoint.raw("/getMediaForFragmentList", {
            "StreamName": "door", "Fragments": known[:6]})
        endpoint.rules()
        return fragments(answer.body)
    found = ask("GetMediaForFragmentList missing number=%s code=4000"
                % known[2])
    assert [len(frames) for _, frames, _ in found] == [4, 4, 0, 4, 4, 4]
    assert found[2][0].error_id == 4000
    found = ask("GetMediaForFragmentList missing every=2")
    assert [len(frames) for _, frames, _ in found] == [4, 0, 4, 0, 4, 0]


def test_rules_choose_their_calls(endpoint):
    endpoint.rules("GetMedia error type=InternalFailure skip=1 times=2",
                   "* error type=ServiceUnavailable stream=other")
    assert [endpoint.raw_media().status for _ in range(5)] == [
        200, 500, 500, 200, 200]
    assert endpoint.raw("/describeStream",
                        {"StreamName": "door"}).status == 200
    assert endpoint.raw("/describeStream",
                        {"StreamName": "other"}).status == 503
    state = endpoint.control("GET", "")["rules"]
    assert [(rule["seen"], rule["done"]) for rule in state] == [(5, 2), (1, 1)]
    endpoint.rules()


def test_several_at_once(endpoint, whole):
    endpoint.rules("GetMedia chunks size=10", "GetMedia cut bytes=1234")
    answer = endpoint.raw_media()
    endpoint.rules()
    assert answer.ended == "closed" and answer.body == whole[:1234]
    assert max(answer.chunks) == 10


def test_sessions_end_on_demand(endpoint):
    for how, ended in (("end", "whole"), ("cut", "closed"),
                       ("reset", "reset")):
        endpoint.rules("GetMedia silence fragments=3")
        with endpoint.connect() as sock:
            sock.sendall(endpoint.request("/getMedia", {
                "StreamName": "door", "StartSelector": EARLIEST}))
            sock.recv(1)
            assert endpoint.control("POST", "/end", {"how": how}) == {
                "ended": 1}
            assert Answer.read(sock, 5).ended == ended
        endpoint.rules()


def chaos_run(seed, count=150):
    """How a client fares that always starts over after the last fragment."""
    with Endpoint("--stream", "door=counter:fragments=150,size=100",
                  "--pace", "0", "--idle", "0.05", "--no-quotas", "--chaos",
                  "0.9", "--chaos-bytes", "8000", "--seed", str(seed),
                  "--fault", "GetMedia end fragments=[0,20]") as endpoint:
        seen, calls, endings = [], 0, []
        selector = EARLIEST
        while len(seen) < count and calls < 400:
            calls += 1
            answer = endpoint.raw_media(selector=selector)
            endings.append((answer.ended, answer.status))
            if answer.status != 200:
                continue
            for fragment, frames, end in fragments(answer.body):
                if not end or not end.complete or not fragment.number:
                    continue
                if seen and int(fragment.number) <= int(seen[-1][0]):
                    continue
                seen.append((fragment.number, frames))
            if seen:
                selector = {"StartSelectorType": "FRAGMENT_NUMBER",
                            "AfterFragmentNumber": seen[-1][0]}
        entries = endpoint.calls("GetMedia")
        return seen, endings, [e["faults"] for e in entries]


def test_chaos_can_be_survived_and_is_repeatable():
    seen, endings, faults = chaos_run(11)
    assert [int.from_bytes(frames[0][:8], "big")
            for _, frames in seen] == list(range(150))
    assert {"closed", "reset", "whole"} <= {ended for ended, _ in endings}
    assert {200, 400} <= {status for _, status in endings}
    _, _, again = chaos_run(11, 100)
    assert again[:15] == faults[:15]
    _, _, other = chaos_run(12, 100)
    assert other[:15] != faults[:15]


@pytest.mark.parametrize("rule", [
    "GetMedia", "GetMedia explode", "GetMedia cut at=3", "GetMedia cut bytes",
    "GetMedia cut place=somewhere", "GetMedia error",
    '{"call": "GetMedia"}', '{"call": ', '{"do": "cut"}',
    "GetMedia silence then=what"])
def test_rules_that_make_no_sense(rule, endpoint):
    done = subprocess.run(
        [sys.executable, "-m", "kvsparse.endpoint", "--fault", rule],
        capture_output=True, text=True, env=environment(), timeout=20)
    assert done.returncode == 2
    assert done.stderr.startswith("kvsparse.endpoint: ")
    assert done.stdout == ""


def test_scenario_file(tmp_path):
    file = tmp_path / "scenario.json"
    file.write_text(json.dumps([
        {"call": "GetMedia", "times": 1,
         "faults": [{"do": "end", "fragments": 1}]},
        "GetMedia error type=InternalFailure skip=1 times=1"]))
    with Endpoint("--stream", COUNTER, "--pace", "0", "--idle", "0.05",
                  "--scenario", str(file)) as endpoint:
        first, second, third = [endpoint.raw_media() for _ in range(3)]
        assert (len(fragments(first.body)), second.status,
                len(fragments(third.body))) == (1, 500, 10)
