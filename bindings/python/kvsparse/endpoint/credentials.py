"""Keys, and the services that hand them out: IMDSv2, container, STS.

Knows keys and those three protocols; verifies no signature.  Each key pair
that is handed out is new, and expires: a client must come back for the next.
"""

from __future__ import annotations

import datetime
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Dict, Optional, Tuple
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from .http import Request

#: AWS's documentation has these; they open nothing.
DEFAULT_ACCESS_KEY = "AKIDEXAMPLE"
DEFAULT_SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

ROLE = "endpoint-role"
IMDS_TOKEN = "/latest/api/token"
IMDS_KEYS = "/latest/meta-data/iam/security-credentials/"
CONTAINER = "/container/credentials"

Answer = Tuple[int, Dict[str, str], bytes]


@dataclass
class Keys:
    """A key pair, with a token where it is a temporary one."""

    access_key: str
    secret: str
    token: Optional[str] = None
    expires: Optional[float] = None
    source: str = "option"


@dataclass
class KeyStore:
    """All keys that the endpoint knows."""

    #: How long handed-out keys are valid, in seconds.
    lifetime: float = 3600.0
    #: What the container service wants in Authorization; None: anything.
    container_token: Optional[str] = None
    #: What web identity tokens must be; None: anything.
    web_identity_token: Optional[str] = None
    role: str = ROLE
    #: The server's clock.
    offset: float = 0.0
    keys: Dict[str, Keys] = field(default_factory=dict)
    imds_tokens: Dict[str, float] = field(default_factory=dict)

    def now(self) -> float:
        """The service's time."""
        return time.time() + self.offset

    def add(self, keys: Keys) -> None:
        """A key pair more."""
        self.keys[keys.access_key] = keys

    def find(self, access_key: str) -> Optional[Keys]:
        """The pair with that access key."""
        return self.keys.get(access_key)

    def issue(self, source: str) -> Keys:
        """A new temporary pair."""
        keys = Keys("ASIA" + secrets.token_hex(8).upper(),
                    secrets.token_urlsafe(30),
                    "IQoJ" + secrets.token_urlsafe(120),
                    self.now() + self.lifetime, source)
        self.add(keys)
        return keys

    def expire(self, access_key: Optional[str] = None) -> int:
        """All temporary keys, or that one, are too old from now on."""
        count = 0
        for keys in self.keys.values():
            if access_key == keys.access_key or (
                    access_key is None and keys.token is not None):
                keys.expires = self.now() - 1
                count += 1
        return count


def _iso(moment: float) -> str:
    return datetime.datetime.fromtimestamp(
        moment, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(document: Dict[str, object]) -> Answer:
    return 200, {"Content-Type": "application/json"}, json.dumps(
        document).encode()


def _plain(status: int, text: str) -> Answer:
    return status, {"Content-Type": "text/plain"}, text.encode()


def call_name(request: Request) -> Optional[str]:
    """Which of the credentials services is meant, for faults and the log."""
    if request.path == IMDS_TOKEN:
        return "IMDSToken"
    if request.path == IMDS_KEYS:
        return "IMDSRole"
    if request.path.startswith(IMDS_KEYS):
        return "IMDSCredentials"
    if request.path == CONTAINER:
        return "ContainerCredentials"
    if request.path == "/" and request.method in ("GET", "POST"):
        return "AssumeRoleWithWebIdentity"
    return None


def answer(store: KeyStore, name: str, request: Request) -> Answer:
    """The answer of one of them."""
    if name == "IMDSToken":
        return _imds_token(store, request)
    if name.startswith("IMDS"):
        return _imds(store, request)
    if name == "ContainerCredentials":
        return _container(store, request)
    return _assume_role(store, request)


def _imds_token(store: KeyStore, request: Request) -> Answer:
    if request.method != "PUT":
        return _plain(405, "")
    ttl = request.header("x-aws-ec2-metadata-token-ttl-seconds") or ""
    if not ttl.isdigit() or not 1 <= int(ttl) <= 21600:
        return _plain(400, "")
    token = secrets.token_urlsafe(40)
    store.imds_tokens[token] = store.now() + int(ttl)
    status, headers, body = _plain(200, token)
    headers["x-aws-ec2-metadata-token-ttl-seconds"] = ttl
    return status, headers, body


def _imds(store: KeyStore, request: Request) -> Answer:
    token = request.header("x-aws-ec2-metadata-token") or ""
    if store.imds_tokens.get(token, 0.0) <= store.now():
        return _plain(401, "")
    if request.method != "GET":
        return _plain(405, "")
    role = request.path[len(IMDS_KEYS):]
    if not role:
        return _plain(200, store.role)
    if role != store.role:
        return _plain(404, "")
    keys = store.issue("imds")
    return _json({"Code": "Success", "LastUpdated": _iso(store.now()),
                  "Type": "AWS-HMAC", "AccessKeyId": keys.access_key,
                  "SecretAccessKey": keys.secret, "Token": keys.token,
                  "Expiration": _iso(keys.expires or 0)})


def _container(store: KeyStore, request: Request) -> Answer:
    given = request.header("Authorization")
    if store.container_token is not None and given != store.container_token:
        status, headers, _ = _plain(401, "")
        return status, headers, json.dumps(
            {"code": "InvalidAuthorizationToken",
             "message": "The Authorization header is not right."}).encode()
    keys = store.issue("container")
    return _json({"RoleArn": "arn:aws:iam::123456789012:role/" + store.role,
                  "AccessKeyId": keys.access_key,
                  "SecretAccessKey": keys.secret, "Token": keys.token,
                  "Expiration": _iso(keys.expires or 0)})


_STS = "https://sts.amazonaws.com/doc/2011-06-15/"


def _sts_error(status: int, code: str, message: str) -> Answer:
    body = ("<ErrorResponse xmlns=\"%s\"><Error><Type>Sender</Type>"
            "<Code>%s</Code><Message>%s</Message></Error><RequestId>%s"
            "</RequestId></ErrorResponse>" %
            (_STS, code, escape(message), secrets.token_hex(16)))
    return status, {"Content-Type": "text/xml"}, body.encode()


def _assume_role(store: KeyStore, request: Request) -> Answer:
    form = request.body.decode("utf-8", "replace") or request.query
    fields = {key: values[0] for key, values in parse_qs(form).items()}
    if fields.get("Action") != "AssumeRoleWithWebIdentity":
        return _sts_error(400, "InvalidAction", "Only "
                          "AssumeRoleWithWebIdentity is served here.")
    for name in ("RoleArn", "RoleSessionName", "WebIdentityToken", "Version"):
        if not fields.get(name):
            return _sts_error(400, "ValidationError", name + " is missing.")
    token = fields["WebIdentityToken"]
    if store.web_identity_token not in (None, token):
        return _sts_error(400, "InvalidIdentityToken",
                          "The web identity token is not valid.")
    return _assumed(store, fields)


def _assumed(store: KeyStore, fields: Dict[str, str]) -> Answer:
    keys = store.issue("web identity")
    role = fields["RoleArn"].rpartition("/")[2]
    arn = "arn:aws:sts::123456789012:assumed-role/%s/%s" % (
        role, fields["RoleSessionName"])
    body = (
        "<AssumeRoleWithWebIdentityResponse xmlns=\"%s\">"
        "<AssumeRoleWithWebIdentityResult><SubjectFromWebIdentityToken>"
        "endpoint</SubjectFromWebIdentityToken><AssumedRoleUser><Arn>%s</Arn>"
        "<AssumedRoleId>AROAEXAMPLE:%s</AssumedRoleId></AssumedRoleUser>"
        "<Credentials><SessionToken>%s</SessionToken><SecretAccessKey>%s"
        "</SecretAccessKey><Expiration>%s</Expiration><AccessKeyId>%s"
        "</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResult>"
        "<ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata>"
        "</AssumeRoleWithWebIdentityResponse>" %
        (_STS, escape(arn), escape(fields["RoleSessionName"]), keys.token,
         escape(keys.secret), _iso(keys.expires or 0), keys.access_key,
         secrets.token_hex(16)))
    return 200, {"Content-Type": "text/xml"}, body.encode()
