"""One function for each call of the service that answers with JSON, and one
for each that answers with media: request fields in, an answer out.

Knows the calls' fields; nothing of HTTP, signatures or faults.
"""

from __future__ import annotations

import base64
import json
import random
import re
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional

from . import selectors
from .errors import ApiError, invalid
from .quotas import Quotas
from .streams import Stream

Json = Dict[str, Any]

_NAME = re.compile(r"[a-zA-Z0-9_.\-]{1,256}")
_ARN = re.compile(r"arn:[a-z\d-]+:kinesisvideo:[a-z0-9-]+:[0-9]+:[a-z]+/"
                  r"([a-zA-Z0-9_.-]+)/[0-9]+")
API_NAMES = ("PUT_MEDIA", "GET_MEDIA", "LIST_FRAGMENTS",
             "GET_MEDIA_FOR_FRAGMENT_LIST", "GET_HLS_STREAMING_SESSION_URL",
             "GET_DASH_STREAMING_SESSION_URL", "GET_CLIP", "GET_IMAGES")

#: The calls by path.
PATHS = {"/getDataEndpoint": "GetDataEndpoint",
         "/describeStream": "DescribeStream",
         "/listStreams": "ListStreams",
         "/getMedia": "GetMedia",
         "/listFragments": "ListFragments",
         "/getMediaForFragmentList": "GetMediaForFragmentList"}
CONTROL = frozenset({"GetDataEndpoint", "DescribeStream", "ListStreams"})
MEDIA = frozenset({"GetMedia", "GetMediaForFragmentList"})


@dataclass
class Service:
    """What the calls work on."""

    streams: Dict[str, Stream]
    quotas: Quotas
    seed: int = 0
    #: Resuming sends the fragment that was named once more.
    inclusive: bool = False
    now: str = "current"
    #: The last page has a NextToken that is null, or none.
    null_next_token: bool = True
    #: Where GetDataEndpoint points to.
    data_endpoint: Callable[[], str] = field(default=lambda: "")


def find_stream(service: Service, fields: Json,
                active: bool = True) -> Stream:
    """The stream that a request names, by name or ARN."""
    name, arn = fields.get("StreamName"), fields.get("StreamARN")
    if name is None and arn is None:
        raise invalid("Either StreamName or StreamARN is required.")
    if name is not None and not (isinstance(name, str) and
                                 _NAME.fullmatch(name)):
        raise invalid("StreamName is not valid.")
    if arn is not None:
        match = _ARN.fullmatch(arn) if isinstance(arn, str) else None
        if match is None:
            raise invalid("StreamARN is not valid.")
        if name is not None and name != match.group(1):
            raise invalid("StreamName and StreamARN disagree.")
        name = match.group(1)
    stream = service.streams.get(str(name))
    if stream is None or (arn is not None and stream.arn != arn):
        raise ApiError("ResourceNotFoundException")
    if active and stream.status not in ("ACTIVE", "UPDATING"):
        raise ApiError("ResourceNotFoundException")
    return stream


def named(service: Service, fields: Json) -> Optional[str]:
    """Which stream a request names, whether it is there or not."""
    name, arn = fields.get("StreamName"), fields.get("StreamARN")
    if isinstance(name, str):
        return name
    match = _ARN.fullmatch(arn) if isinstance(arn, str) else None
    return match.group(1) if match else None


def _bounded(fields: Json, name: str, high: int, default: int) -> int:
    value = fields.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid("%s must be a whole number." % name)
    if not 1 <= value <= high:
        raise invalid("%s must be from 1 to %d." % (name, high))
    return value


# -- the control plane -------------------------------------------------------

def get_data_endpoint(service: Service, fields: Json) -> Json:
    """GetDataEndpoint."""
    stream = find_stream(service, fields)
    if fields.get("APIName") not in API_NAMES:
        raise invalid("APIName must be one of %s." % ", ".join(API_NAMES))
    service.quotas.call("GetDataEndpoint", stream.name)
    return {"DataEndpoint": service.data_endpoint()}


def _info(stream: Stream) -> Json:
    return {"DeviceName": None, "StreamName": stream.name,
            "StreamARN": stream.arn,
            "MediaType": stream.settings.media_type,
            "KmsKeyId": "arn:aws:kms:%s:alias/aws/kinesisvideo" %
                        ":".join(stream.arn.split(":")[3:5]),
            "Version": "Endpoint1", "Status": stream.status,
            "CreationTime": stream.created,
            "DataRetentionInHours": stream.settings.retention_hours}


def describe_stream(service: Service, fields: Json) -> Json:
    """DescribeStream."""
    stream = find_stream(service, fields, active=False)
    service.quotas.call("DescribeStream", stream.name)
    return {"StreamInfo": _info(stream)}


def _encode(state: Json) -> str:
    return base64.b64encode(json.dumps(state).encode()).decode()


def _decode(token: Any, kind: str) -> Json:
    if not isinstance(token, str) or not 1 <= len(token) <= 4096:
        raise invalid("NextToken is not valid.")
    try:
        state = json.loads(base64.b64decode(token, validate=True))
    except ValueError:
        raise invalid("NextToken is not valid.") from None
    if not isinstance(state, dict) or state.get("kind") != kind:
        raise invalid("NextToken is not valid.")
    return state


def _page(service: Service, answer: Json, token: Optional[str]) -> Json:
    if token is not None or service.null_next_token:
        answer["NextToken"] = token
    return answer


def list_streams(service: Service, fields: Json) -> Json:
    """ListStreams."""
    service.quotas.call("ListStreams", "")
    limit = _bounded(fields, "MaxResults", 10000, 10000)
    condition = fields.get("StreamNameCondition") or {}
    prefix = condition.get("ComparisonValue", "")
    if condition.get("ComparisonOperator", "BEGINS_WITH") != "BEGINS_WITH":
        raise invalid("ComparisonOperator must be BEGINS_WITH.")
    offset = 0
    if fields.get("NextToken"):
        offset = int(_decode(fields["NextToken"], "streams")["offset"])
    names = [name for name in sorted(service.streams)
             if name.startswith(prefix)]
    page = names[offset:offset + limit]
    more = offset + limit < len(names)
    return _page(
        service,
        {"StreamInfoList": [_info(service.streams[name]) for name in page]},
        _encode({"kind": "streams", "offset": offset + limit})
        if more else None)


# -- archived media ----------------------------------------------------------

def _fragment(stream: Stream, index: int) -> Json:
    fragment = stream.fragment(index)
    size = len(stream.render(fragment, tail=False, archived=True).data)
    return {"FragmentNumber": fragment.number, "FragmentSizeInBytes": size,
            "ProducerTimestamp": fragment.producer_ms / 1000.0,
            "ServerTimestamp": fragment.server_ms / 1000.0,
            "FragmentLengthInMilliseconds": fragment.duration_ms}


def list_fragments(service: Service, fields: Json) -> Json:
    """ListFragments: in no order, even across pages."""
    stream = find_stream(service, fields)
    limit = _bounded(fields, "MaxResults", 1000, 100)
    if fields.get("NextToken") is not None:
        state = _decode(fields["NextToken"], "fragments")
        if state.get("stream") != stream.name:
            raise invalid("NextToken is not of this stream.")
    else:
        kind, begin, end = selectors.time_range(fields.get("FragmentSelector"))
        state = {"kind": "fragments", "stream": stream.name, "by": kind,
                 "begin": begin, "end": end, "offset": 0,
                 "until": stream.complete(stream.settings.list_delay)}
    service.quotas.points("metadata_points", stream.name, limit)
    found: List[int] = []
    if stream.settings.retention_hours > 0:
        found = selectors.in_range(stream, state["by"], state["begin"],
                                   state["end"], state["until"])
    random.Random("%d %s" % (service.seed, stream.name)).shuffle(found)
    offset = state["offset"]
    page = found[offset:offset + limit]
    more = offset + limit < len(found)
    return _page(
        service, {"Fragments": [_fragment(stream, index) for index in page]},
        _encode({**state, "offset": offset + limit}) if more else None)


def fragment_list(service: Service, fields: Json) -> "tuple[Stream, List[str]]":
    """GetMediaForFragmentList: the stream and the numbers."""
    stream = find_stream(service, fields)
    numbers = fields.get("Fragments")
    if not isinstance(numbers, list) or not 1 <= len(numbers) <= 1000:
        raise invalid("Fragments must be a list of 1 to 1000 numbers.")
    checked = [selectors.number_of(number, "Fragments") for number in numbers]
    service.quotas.points("media_points", stream.name, len(checked))
    return stream, checked


def media_start(service: Service, fields: Json) -> "tuple[Stream, int]":
    """GetMedia: the stream and the fragment to begin with."""
    stream = find_stream(service, fields)
    index = selectors.start(stream, fields.get("StartSelector"),
                            service.inclusive, service.now)
    service.quotas.call("GetMedia", stream.name)
    return stream, index


JSON_CALLS: Dict[str, Callable[[Service, Json], Json]] = {
    "GetDataEndpoint": get_data_endpoint,
    "DescribeStream": describe_stream,
    "ListStreams": list_streams,
    "ListFragments": list_fragments,
}
