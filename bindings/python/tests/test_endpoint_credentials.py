"""IMDSv2, container, STS: by botocore's own fetchers where it has them."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from urllib.parse import urlencode

import pytest
from endpoint_process import Endpoint, boto3, wait_for

from botocore import UNSIGNED
from botocore.config import Config
from botocore.utils import ContainerMetadataFetcher, InstanceMetadataFetcher

FIELDS = {"StreamName": "door"}


@pytest.fixture(scope="module")
def door():
    """Keys live for a minute."""
    with Endpoint("--stream", "door=counter:fragments=2", "--pace", "0",
                  "--no-quotas", "--key-lifetime", "60", "--container-token",
                  "Bearer secret", "--web-identity-token", "a.web.token") as endpoint:
        yield endpoint


def works(door, keys):
    """Whether the service takes these keys."""
    access_key, secret, token = keys
    return door.raw("/describeStream", FIELDS, access_key=access_key,
                    secret=secret, token=token).status == 200


def ask(door, method, path, headers=None, body=None):
    """A plain request: status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=5)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_imds_as_botocore_does(door):
    fetcher = InstanceMetadataFetcher(base_url=door.url + "/", timeout=5)
    found = fetcher.retrieve_iam_role_credentials()
    assert found["role_name"] == "endpoint-role"
    assert works(door, (found["access_key"], found["secret_key"],
                        found["token"]))
    other = fetcher.retrieve_iam_role_credentials()
    assert other["access_key"] != found["access_key"]


def test_imds_wants_a_token(door):
    role = "/latest/meta-data/iam/security-credentials/"
    assert ask(door, "GET", role)[0] == 401
    assert ask(door, "GET", role, {"x-aws-ec2-metadata-token": "x"})[0] == 401
    assert ask(door, "PUT", "/latest/api/token")[0] == 400
    assert ask(door, "GET", "/latest/api/token")[0] == 405
    ttl = {"x-aws-ec2-metadata-token-ttl-seconds": "21600"}
    status, token = ask(door, "PUT", "/latest/api/token", ttl)
    assert status == 200
    header = {"x-aws-ec2-metadata-token": token.decode()}
    assert ask(door, "GET", role, header) == (200, b"endpoint-role")
    assert ask(door, "GET", role + "other", header)[0] == 404
    status, body = ask(door, "GET", role + "endpoint-role", header)
    assert json.loads(body)["Code"] == "Success"


def test_container_as_botocore_does(door):
    found = ContainerMetadataFetcher().retrieve_full_uri(
        door.url + "/container/credentials",
        headers={"Authorization": "Bearer secret"})
    assert works(door, (found["AccessKeyId"], found["SecretAccessKey"],
                        found["Token"]))
    left = time.mktime(time.strptime(found["Expiration"],
                                     "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    assert 50 < left - time.time() <= 60
    assert ask(door, "GET", "/container/credentials")[0] == 401


def test_sts_as_boto3_does(door):
    client = boto3.client("sts", endpoint_url=door.url,
                          region_name="us-west-2",
                          config=Config(signature_version=UNSIGNED))
    found = client.assume_role_with_web_identity(
        RoleArn="arn:aws:iam::123456789012:role/reader",
        RoleSessionName="test", WebIdentityToken="a.web.token")
    keys = found["Credentials"]
    assert works(door, (keys["AccessKeyId"], keys["SecretAccessKey"],
                        keys["SessionToken"]))
    assert found["AssumedRoleUser"]["Arn"].endswith(
        "assumed-role/reader/test")
    with pytest.raises(client.exceptions.InvalidIdentityTokenException):
        client.assume_role_with_web_identity(
            RoleArn="arn:aws:iam::123456789012:role/reader",
            RoleSessionName="test", WebIdentityToken="other")


def test_sts_wants_all_fields(door):
    form = {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15",
            "RoleSessionName": "s", "WebIdentityToken": "a.web.token"}
    request = urllib.request.Request(door.url + "/", urlencode(form).encode())
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    body = caught.value.read().decode()
    assert caught.value.code == 400
    assert "<Code>ValidationError</Code>" in body and "RoleArn" in body
    form["Action"] = "GetCallerIdentity"
    assert ask(door, "POST", "/", body=urlencode(form))[0] == 400


def container_keys(door):
    """New keys."""
    found = ContainerMetadataFetcher().retrieve_full_uri(
        door.url + "/container/credentials",
        headers={"Authorization": "Bearer secret"})
    return found["AccessKeyId"], found["SecretAccessKey"], found["Token"]


def test_keys_expire_on_demand(door):
    first, second = container_keys(door), container_keys(door)
    assert door.control("POST", "/expire", {"access_key": first[0]}) == {
        "expired": 1}
    assert not works(door, first)
    assert works(door, second)
    answer = door.raw("/describeStream", FIELDS, access_key=first[0],
                      secret=first[1], token=first[2])
    assert answer.status == 403
    assert answer.headers["x-amzn-errortype"] == "ExpiredTokenException"
    door.control("POST", "/expire", {})
    assert not works(door, second)
    assert works(door, container_keys(door))
    assert door.raw("/describeStream", FIELDS).status == 200  # no token


def test_keys_expire_in_time():
    with Endpoint("--stream", "door=counter:fragments=2", "--pace", "0",
                  "--credentials", "AKID:secret:token:4",
                  "--no-quotas") as endpoint:
        keys = ("AKID", "secret", "token")
        assert works(endpoint, keys)
        assert not works(endpoint, ("AKIDEXAMPLE", "secret", None))
        wait_for(lambda: not works(endpoint, keys), 15)


def test_faults_of_the_credentials_services(door):
    door.rules("IMDSToken error status=403 times=1",
               "ContainerCredentials error status=500 times=1",
               "AssumeRoleWithWebIdentity cut wire=10 times=1")
    ttl = {"x-aws-ec2-metadata-token-ttl-seconds": "60"}
    assert ask(door, "PUT", "/latest/api/token", ttl)[0] == 403
    assert ask(door, "PUT", "/latest/api/token", ttl)[0] == 200
    header = {"Authorization": "Bearer secret"}
    assert ask(door, "GET", "/container/credentials", header)[0] == 500
    assert ask(door, "GET", "/container/credentials", header)[0] == 200
    with pytest.raises(http.client.HTTPException):
        ask(door, "POST", "/", body="Action=X")
    door.rules()


def test_the_log_has_no_secrets(door):
    keys = container_keys(door)
    assert works(door, keys)
    log = json.dumps(door.control("GET", "/log"))
    assert keys[0] in log
    assert keys[1] not in log and keys[2] not in log
    assert "Bearer secret" not in log
    assert "Signature=" not in log and "AWS4" not in log
