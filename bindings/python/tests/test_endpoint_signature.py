"""Signatures: what is right, what is wrong, and what is said then."""

from __future__ import annotations

import hashlib
import re
import time
from pathlib import Path

import pytest
from endpoint_process import NOW, SECRET, Endpoint, signed_request

from kvsparse.endpoint import signature
from kvsparse.endpoint.credentials import Keys, KeyStore
from kvsparse.endpoint.errors import ApiError
from kvsparse.endpoint.http import Request

FIELDS = {"StreamName": "door"}


def parsed(raw):
    """A request's bytes as the server has them."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = [(name, value.strip()) for name, _, value in
               (line.partition(":") for line in lines[1:])]
    return Request("POST", lines[0].split()[1], "", headers, body, True)


def verify(raw, now=None, **store):
    """The server's verdict: None, or (error, message)."""
    keys = KeyStore()
    keys.add(Keys("AKIDEXAMPLE", SECRET, **store))
    try:
        signature.verify(parsed(raw), keys, "us-west-2", now or time.time())
    except ApiError as error:
        assert error.status in (400, 403)
        return error.name, error.message
    return None


def sign(**changes):
    """A signed request."""
    return signed_request("http://127.0.0.1:1234/describeStream", FIELDS,
                          **changes)


#: Of all vectors' requests.
BODY = b'{"StreamName":"my-stream","APIName":"GET_MEDIA"}'


def vectors():
    """The vectors by their names: (canonical request, the rest)."""
    path = Path(__file__).resolve().parents[3] / "tests/net/sigv4-vectors.txt"
    parts = re.split(r"^--- (.*)\n", path.read_text(), flags=re.M)
    return {name: part.split("\n..\n")
            for name, part in zip(parts[1::2], parts[2::2])}


VECTORS = vectors()


def test_there_are_vectors():
    assert list(VECTORS) == ["without a token", "with a token"]


@pytest.mark.parametrize("name", VECTORS)
def test_vector(name):
    """The canonical request and the signature, byte by byte, in both ways."""
    canonical, rest = VECTORS[name]
    lines = canonical.split("\n")
    headers = [tuple(line.split(":", 1))
               for line in lines[3:lines.index("", 3)]]
    text, _, told = rest.partition("\nsignature ")
    told, _, body_hash = told.strip().partition("\nbodyhash ")
    assert lines[-1] == body_hash == hashlib.sha256(BODY).hexdigest()
    signed = [name for name, _ in headers]
    request = Request("POST", lines[1], "", headers, BODY, True)
    assert signature.canonical(request, signed) == canonical
    date = dict(headers)["x-amz-date"]
    claim = signature.Claim("AKIDEXAMPLE", date[:8], "us-west-2",
                            "kinesisvideo", signed, told, date)
    assert text.split("\n")[1] == date
    assert signature.signature_plain(request, claim, SECRET) == told
    assert signature.signature_botocore(request, claim, SECRET) == told


@pytest.mark.parametrize("changes", [
    {}, {"extra": {"X-Foo": "a   b", "X-Bar": "c"}},
    {"extra": {"X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD"}},
    {"extra": {"Amz-Sdk-Request": "attempt=1"}}, {"seconds_off": -290},
    {"seconds_off": 290}])
def test_right_ones(changes):
    raw = sign(**changes)
    assert verify(raw) is None
    request = parsed(raw)
    claim = signature.claim(request)
    assert signature.signature_plain(request, claim, SECRET) == (
        signature.signature_botocore(request, claim, SECRET))


def test_with_a_token():
    token = "FwoGZXIvYXdzEXAMPLETOKEN//////////wEaDEXAMPLE+/=="
    assert verify(sign(token=token), token=token) is None
    assert verify(sign(token=token))[0] == "UnrecognizedClientException"
    assert verify(sign(), token=token)[0] == "UnrecognizedClientException"
    assert verify(sign(token="other"), token=token)[0] == (
        "UnrecognizedClientException")


def test_without_botocore(monkeypatch):
    monkeypatch.setattr(signature, "SigV4Auth", None)
    assert verify(sign()) is None
    assert verify(sign(secret="wrong"))[0] == "InvalidSignatureException"


def test_a_signed_user_agent():
    """botocore leaves it out; the C producer's SDK signs it."""
    raw = sign(replace=("SignedHeaders=content-type;host;x-amz-date",
                        "SignedHeaders=content-type;host;user-agent;"
                        "x-amz-date"))
    raw = raw.replace(b"\r\nX-Amz-Date", b"\r\nUser-Agent: c/1\r\nX-Amz-Date")
    request = parsed(raw)
    claim = signature.claim(request)
    right = signature.signature_plain(request, claim, SECRET)
    assert verify(raw)[0] == "InvalidSignatureException"
    assert verify(raw.replace(claim.signature.encode(),
                              right.encode())) is None


@pytest.mark.parametrize("changes, name, part", [
    ({"secret": "wrong"}, "InvalidSignatureException", "does not match"),
    ({"access_key": "AKIDOTHER"}, "UnrecognizedClientException", "invalid"),
    ({"region": "eu-west-1"}, "InvalidSignatureException",
     "valid region, not 'eu-west-1'"),
    ({"service": "kinesis"}, "InvalidSignatureException", "correct service"),
    ({"seconds_off": -310}, "InvalidSignatureException",
     "Signature expired: "),
    ({"seconds_off": 310}, "InvalidSignatureException",
     "Signature not yet current: "),
    ({"replace": ("Signature=", "Signature=0")},
     "IncompleteSignatureException", ""),
    ({"replace": ("AWS4-HMAC-SHA256", "AWS4-HMAC")},
     "IncompleteSignatureException", ""),
    ({"replace": ("Authorization:", "X-Authorization:")},
     "MissingAuthenticationTokenException", "Missing Authentication Token"),
    ({"replace": ("X-Amz-Date:", "X-Date:")},
     "IncompleteSignatureException", "X-Amz-Date"),
    ({"replace": ("=content-type;host;x-amz-date", "=host;content-type;"
                  "x-amz-date")}, "InvalidSignatureException", "in order"),
    ({"replace": ("=content-type;host;x-amz-date", "=content-type;host;"
                  "x-amz-date;x-foo")}, "InvalidSignatureException", "x-foo"),
    ({"replace": ("=content-type;host;x-amz-date", "=content-type;"
                  "x-amz-date")}, "InvalidSignatureException", "'host'"),
    ({"replace": ("Content-Type: application/json", "Content-Type: text")},
     "InvalidSignatureException", "does not match"),
])
def test_wrong_ones(changes, name, part):
    found = verify(sign(**changes))
    assert found is not None and found[0] == name
    assert part in found[1]


def test_a_changed_body():
    raw = sign().replace(b'"door"', b'"gate"')
    assert verify(raw)[0] == "InvalidSignatureException"


def test_the_text_of_skew():
    now = 1699332485.0  # 2023-11-07T04:48:05Z
    raw = sign(seconds_off=now - 400 - time.time())
    _, message = verify(raw, now)
    assert re.fullmatch(
        r"Signature expired: 20231107T04412\dZ is now earlier than "
        r"20231107T044305Z \(20231107T044805Z - 5 min\.\)", message)


def test_a_token_that_is_not_signed():
    raw = sign().replace(b"\r\nX-Amz-Date",
                         b"\r\nX-Amz-Security-Token: t\r\nX-Amz-Date")
    assert verify(raw, token="t")[0] == "InvalidSignatureException"


def test_an_expired_token():
    assert verify(sign(token="t"), token="t", expires=time.time() - 1) == (
        "ExpiredTokenException",
        "The security token included in the request is expired")


@pytest.fixture(scope="module")
def door():
    """A server that verifies."""
    with Endpoint("--stream", "door=counter:fragments=2", "--pace", "0",
                  "--idle", "0.05", "--no-quotas") as endpoint:
        yield endpoint


def test_on_the_wire(door):
    answer = door.raw("/getMedia", {"StreamName": "door",
                                    "StartSelector": NOW}, secret="wrong")
    assert answer.status == 403
    assert answer.headers["x-amzn-errortype"] == "InvalidSignatureException"
    assert list(answer.json()) == ["message"]
    entry = door.calls("GetMedia")[-1]
    assert (entry["status"], entry["error"]) == (
        403, "InvalidSignatureException")
    assert SECRET not in str(entry)


def test_boto3_with_wrong_keys(door):
    client = door.client("kinesisvideo", aws_secret_access_key="wrong")
    with pytest.raises(client.exceptions.ClientError) as caught:
        client.describe_stream(StreamName="door")
    assert caught.value.response["Error"]["Code"] == (
        "InvalidSignatureException")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_the_services_clock(door):
    door.control("POST", "/clock", {"offset": 600})
    answer = door.raw("/describeStream", FIELDS)
    assert answer.status == 403
    assert answer.json()["message"].startswith("Signature expired: ")
    door.control("POST", "/clock", {"offset": -600})
    assert door.raw("/describeStream", FIELDS).json()["message"].startswith(
        "Signature not yet current: ")
    door.control("POST", "/clock", {"offset": 0})
    assert door.raw("/describeStream", FIELDS).status == 200


def test_without_verification():
    with Endpoint("--stream", "door=counter:fragments=2", "--pace", "0",
                  "--no-auth") as endpoint:
        assert endpoint.raw("/describeStream", FIELDS,
                            secret="wrong").status == 200
