"""Signature version 4, verified as the service does.

The signature is computed by botocore's own SigV4Auth over exactly the headers
that the client says it signed.  Where botocore is not installed, or where a
client signed a header that botocore leaves out (User-Agent, Expect), by the
few lines here, which a test compares with botocore's.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import List, Optional, Tuple

from .credentials import Keys, KeyStore
from .errors import ApiError
from .http import Request

try:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
except ImportError:  # the endpoint works without it
    SigV4Auth = None

SERVICE = "kinesisvideo"
SKEW_SECONDS = 300
#: botocore leaves these out of what it signs.
NOT_BOTOCORES = frozenset({"expect", "user-agent", "x-amzn-trace-id"})

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),"
    r"\s*Signature=([0-9a-f]{64})")
_TIME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Claim:
    """What a request says of its signature."""

    access_key: str
    date: str
    region: str
    service: str
    signed: List[str]
    signature: str
    time: str


def _utc(text: str) -> float:
    parsed = datetime.datetime.strptime(text, _TIME)
    return parsed.replace(tzinfo=datetime.timezone.utc).timestamp()


def _text(moment: float) -> str:
    return datetime.datetime.fromtimestamp(
        moment, datetime.timezone.utc).strftime(_TIME)


def _value(request: Request, name: str) -> Optional[str]:
    values = [" ".join(value.split()) for key, value in request.headers
              if key.lower() == name]
    return ",".join(values) if values else None


def claim(request: Request) -> Claim:
    """The Authorization header, taken apart."""
    header = request.header("Authorization")
    if header is None:
        raise ApiError("MissingAuthenticationTokenException")
    match = _AUTHORIZATION.fullmatch(header.strip())
    parts = match.group(1).split("/") if match else []
    if match is None or len(parts) != 5 or parts[4] != "aws4_request":
        raise ApiError("IncompleteSignatureException",
                       "The Authorization header is not one of "
                       "AWS4-HMAC-SHA256.")
    date = request.header("X-Amz-Date")
    if date is None or not re.fullmatch(r"\d{8}T\d{6}Z", date):
        raise ApiError("IncompleteSignatureException",
                       "The header X-Amz-Date is missing or no time.")
    return Claim(parts[0], parts[1], parts[2], parts[3],
                 match.group(2).split(";"), match.group(3), date)


def canonical(request: Request, signed: List[str]) -> str:
    """The canonical request, by these few lines."""
    lines = [request.method, request.path, request.query]
    lines += ["%s:%s" % (name, _value(request, name)) for name in signed]
    payload = _value(request, "x-amz-content-sha256") or hashlib.sha256(
        request.body).hexdigest()
    return "\n".join(lines + ["", ";".join(signed), payload])


def signature_plain(request: Request, of: Claim, secret: str) -> str:
    """The signature, by these few lines."""
    scope = "/".join([of.date, of.region, of.service, "aws4_request"])
    digest = hashlib.sha256(canonical(request, of.signed).encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", of.time, scope, digest])
    key = ("AWS4" + secret).encode()
    for part in (of.date, of.region, of.service, "aws4_request", text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key.hex()


def signature_botocore(request: Request, of: Claim, secret: str) -> str:
    """The signature, by botocore."""
    host = _value(request, "host") or ""
    query = "?" + request.query if request.query else ""
    copy = AWSRequest(method=request.method,
                      url="http://" + host + request.path + query,
                      data=request.body)
    for name in of.signed:
        copy.headers[name] = _value(request, name) or ""
    sha = _value(request, "x-amz-content-sha256")
    if sha is not None and "x-amz-content-sha256" not in of.signed:
        del copy.headers["x-amz-content-sha256"]
    copy.context["timestamp"] = of.time
    auth = SigV4Auth(Credentials(of.access_key, secret), of.service, of.region)
    text = auth.string_to_sign(copy, auth.canonical_request(copy))
    return str(auth.signature(text, copy))


def expected(request: Request, of: Claim, secret: str) -> str:
    """The signature that the request should have."""
    if SigV4Auth is None or NOT_BOTOCORES.intersection(of.signed):
        return signature_plain(request, of, secret)
    return signature_botocore(request, of, secret)


def _check_scope(of: Claim, region: str) -> None:
    def wrong(text: str) -> ApiError:
        return ApiError("InvalidSignatureException", text)
    if of.region != region:
        raise wrong("Credential should be scoped to a valid region, "
                    "not '%s'." % of.region)
    if of.service != SERVICE:
        raise wrong("Credential should be scoped to correct service: '%s'."
                    % SERVICE)
    if of.date != of.time[:8]:
        raise wrong("Date in Credential scope does not match YYYYMMDD from "
                    "ISO-8601 version of date from HTTP: '%s' != '%s', from "
                    "'%s'." % (of.date, of.time[:8], of.time))


def _check_headers(request: Request, of: Claim) -> None:
    def wrong(text: str) -> ApiError:
        return ApiError("InvalidSignatureException", text)
    if of.signed != sorted(set(of.signed)):
        raise wrong("SignedHeaders are not in order.")
    for name in of.signed:
        if _value(request, name) is None:
            raise wrong("The signed header '%s' is not there." % name)
    must = ["host", "x-amz-date"]
    if request.header("X-Amz-Security-Token") is not None:
        must.append("x-amz-security-token")
    for name in must:
        if name not in of.signed:
            raise wrong("'%s' must be a 'SignedHeader' in the Authorization "
                        "header." % name)


def _check_time(of: Claim, now: float, skew: float) -> None:
    try:
        then = _utc(of.time)
    except ValueError:
        raise ApiError("IncompleteSignatureException",
                       "X-Amz-Date is no time.") from None
    minutes = "%g min." % (skew / 60)
    if then < now - skew:
        raise ApiError(
            "InvalidSignatureException",
            "Signature expired: %s is now earlier than %s (%s - %s)" %
            (of.time, _text(now - skew), _text(now), minutes))
    if then > now + skew:
        raise ApiError(
            "InvalidSignatureException",
            "Signature not yet current: %s is still later than %s (%s + %s)" %
            (of.time, _text(now + skew), _text(now), minutes))


def _check_keys(request: Request, of: Claim, store: KeyStore,
                now: float) -> Keys:
    keys = store.find(of.access_key)
    token = request.header("X-Amz-Security-Token")
    if keys is None or (keys.token or None) != (token or None):
        raise ApiError("UnrecognizedClientException")
    if keys.expires is not None and keys.expires <= now:
        raise ApiError("ExpiredTokenException")
    return keys


def verify(request: Request, store: KeyStore, region: str, now: float,
           skew: float = SKEW_SECONDS) -> Tuple[Keys, Claim]:
    """Whose request this is; ApiError where that is not proved."""
    of = claim(request)
    keys = _check_keys(request, of, store, now)
    _check_time(of, now, skew)
    _check_scope(of, region)
    _check_headers(request, of)
    if not hmac.compare_digest(expected(request, of, keys.secret),
                               of.signature):
        raise ApiError("InvalidSignatureException")
    return keys, of
