"""The service's errors: name, HTTP status, body.

Two shapes occur on the wire.  What the service models has the body
``{"Message": "..."}``; what the front end refuses (signatures, keys) has
``{"message": "..."}``.  Both name the error in ``x-amzn-ErrorType``.
"""

from __future__ import annotations

import json
from typing import Dict, Optional

#: HTTP status by error name, as the service model and users' logs have it.
STATUS: Dict[str, int] = {
    "InvalidArgumentException": 400,
    "ResourceNotFoundException": 404,
    "ClientLimitExceededException": 400,
    "NotAuthorizedException": 401,
    "ConnectionLimitExceededException": 400,
    "InvalidEndpointException": 400,
    "NoDataRetentionException": 400,
    "InvalidSignatureException": 403,
    "SignatureDoesNotMatch": 403,
    "UnrecognizedClientException": 403,
    "InvalidClientTokenId": 403,
    "ExpiredTokenException": 403,
    "MissingAuthenticationTokenException": 403,
    "AccessDeniedException": 403,
    "IncompleteSignatureException": 400,
    "RequestExpired": 400,
    "ThrottlingException": 400,
    "ValidationException": 400,
    "SerializationException": 400,
    "UnknownOperationException": 404,
    "InternalFailure": 500,
    "ServiceUnavailable": 503,
}

#: Texts that users have seen, or that say what the fault is.
TEXT: Dict[str, str] = {
    "ResourceNotFoundException":
        "The requested stream is not found or not active.",
    "ClientLimitExceededException": "Rate exceeded for the stream.",
    "ConnectionLimitExceededException":
        "Too many connections read from the stream.",
    "NotAuthorizedException":
        "Caller is not authorized, or the token has expired.",
    "InvalidEndpointException":
        "The stream is not served by this data endpoint.",
    "InvalidSignatureException":
        "The request signature does not match the one provided.",
    "ExpiredTokenException":
        "The security token included in the request is expired",
    "UnrecognizedClientException":
        "The security token included in the request is invalid.",
    "MissingAuthenticationTokenException": "Missing Authentication Token",
    "AccessDeniedException": "The caller may not perform this action.",
    "ThrottlingException": "Rate exceeded",
    "InternalFailure": "An internal error occurred.",
    "ServiceUnavailable": "The service is unavailable.",
}

#: Refused before the service itself sees the call: lower-case body.
FRONT_END = frozenset({
    "InvalidSignatureException", "SignatureDoesNotMatch",
    "UnrecognizedClientException", "InvalidClientTokenId",
    "ExpiredTokenException", "MissingAuthenticationTokenException",
    "IncompleteSignatureException", "RequestExpired", "ThrottlingException",
    "UnknownOperationException",
})

#: What stands behind the name's colon, where that is asked for.
URI = "http://internal.amazon.com/coral/com.amazonaws.kinesisvideo/"


class ApiError(Exception):
    """An answer that is an error."""

    def __init__(self, name: str, message: Optional[str] = None, *,
                 status: Optional[int] = None, key: Optional[str] = None,
                 header: bool = True, uri: bool = False,
                 type_key: Optional[str] = None,
                 headers: Optional[Dict[str, str]] = None,
                 body: Optional[str] = None) -> None:
        super().__init__(name, message)
        self.name = name
        self.message = TEXT.get(name, name) if message is None else message
        self.status = STATUS.get(name, 400) if status is None else status
        default_key = "message" if name in FRONT_END else "Message"
        self.key = default_key if key is None else key
        self.header = header
        self.uri = uri
        self.type_key = type_key
        self.extra_headers = dict(headers or {})
        self.text = body

    def headers(self) -> Dict[str, str]:
        """The headers that this error adds to the answer."""
        headers = {"Content-Type": "application/json"}
        if self.header:
            suffix = ":" + URI if self.uri else ""
            headers["x-amzn-ErrorType"] = self.name + suffix
        headers.update(self.extra_headers)
        return headers

    def body(self) -> bytes:
        """The answer's body."""
        if self.text is not None:
            return self.text.encode()
        members: Dict[str, str] = {}
        if self.type_key:
            members[self.type_key] = self.name
        members[self.key] = self.message
        return json.dumps(members).encode()


def invalid(message: str) -> ApiError:
    """InvalidArgumentException."""
    return ApiError("InvalidArgumentException", message)
