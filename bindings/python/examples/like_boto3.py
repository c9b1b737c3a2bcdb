"""What boto3's get_media returns, made of a file, to try a program without AWS;
and what a program does with it.

    python3 like_boto3.py getmedia.mkv
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import kvsparse


def get_media(path: str, piece: int = 1024) -> dict[str, Any]:
    """As kinesis-video-media's get_media: bytes come as they are asked for."""
    def payload() -> Iterator[bytes]:
        with open(path, "rb") as file:
            while data := file.read(piece):
                yield data

    return {"ContentType": "video/webm", "Payload": payload()}


def follow(response: dict[str, Any]) -> Iterator[str]:
    """A line for each fragment; where to go on from when all is over."""
    token = None
    for item in kvsparse.read(response["Payload"]):
        if isinstance(item, kvsparse.FragmentEnd):
            token = item.continuation_token or token
            fragment = item.fragment
            yield f"{fragment.number} {fragment.producer_time} {fragment.frame_count}"
    yield f"go on after {token}"


if __name__ == "__main__":
    for line in follow(get_media(sys.argv[1])):
        print(line)
