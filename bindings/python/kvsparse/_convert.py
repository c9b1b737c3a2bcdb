"""Structs of the library, which are gone with its next call, into items."""

from __future__ import annotations

import ctypes
from typing import Any

from . import _ffi
from ._items import Fragment, Gap, Tag, Targets, Track
from ._times import optional

_TRACK_TYPES = {
    1: "video",
    2: "audio",
    3: "complex",
    16: "logo",
    17: "subtitle",
    18: "buttons",
    32: "control",
    33: "metadata",
}
TRACK_NUMBERS = {name: number for number, name in _TRACK_TYPES.items()}

_ENCODINGS = ((1, "header_stripping"), (2, "zlib"), (4, "other"), (8, "encryption"))

_TARGET_KINDS = {
    0x63C5: "track_uids",
    0x63C9: "edition_uids",
    0x63C4: "chapter_uids",
    0x63C6: "attachment_uids",
}


def data_of(view: Any) -> bytes:
    """A copy of the bytes."""
    return ctypes.string_at(view.data, view.len) if view.len else b""


def text_of(view: Any) -> str | None:
    """None where the view is absent; bad bytes become U+FFFD."""
    if view.data is None:
        return None
    return data_of(view).decode("utf-8", "replace")


def track_of(t: Any) -> Track:
    return Track(
        number=t.number,
        uid=t.uid or None,
        type=_TRACK_TYPES.get(t.type, str(t.type)),
        codec_id=text_of(t.codec_id),
        codec_private=data_of(t.codec_private),
        name=text_of(t.name),
        language=text_of(t.language),
        width=t.width or None,
        height=t.height or None,
        sample_rate=t.sample_rate or None,
        channels=t.channels or None,
        bit_depth=t.bit_depth or None,
        default_duration_ns=optional(t.default_duration_ns),
        encodings=tuple(name for bit, name in _ENCODINGS if t.encodings & bit),
        audio_codec_id=text_of(t.audio_codec_id),
        audio_sample_rate=t.audio_sample_rate or None,
        audio_channels=t.audio_channels or None,
        audio_bit_depth=t.audio_bit_depth or None,
    )


def _targets_of(tag: Any) -> Targets | None:
    if not tag.targets or tag.depth > 0:
        return None
    t = tag.targets.contents
    uids: dict[str, list[int]] = {}
    for target in t.targets[: t.target_count]:
        kind = _TARGET_KINDS.get(target.element_id)
        if kind:
            uids.setdefault(kind, []).append(target.uid)
    name = text_of(t.type)
    if not uids and name is None and t.type_value == 50:
        return None  # empty Targets mean the same as none
    return Targets(
        t.type_value, name, **{kind: tuple(found) for kind, found in uids.items()}
    )


def _value_of(tag: Any) -> str | bytes | None:
    if tag.flags & _ffi.TAG_BINARY:
        return data_of(tag.value)
    return text_of(tag.value) or "" if tag.flags & _ffi.TAG_STRING else None


def tags_of(tags: Any, count: int) -> list[Tag]:
    """The list, in which inner tags follow the outer one, as a tree."""
    tree: list[Tag] = []
    path: list[Tag] = []  # the last tag of each depth
    for i in range(count):
        c_tag = tags[i].contents
        tag = Tag(text_of(c_tag.name), _value_of(c_tag), _targets_of(c_tag))
        del path[c_tag.depth :]
        (path[-1].tags if path else tree).append(tag)
        path.append(tag)
    return tree


def fragment_of(f: Any) -> Fragment:
    return Fragment(
        index=f.index,
        offset=f.offset,
        number=text_of(f.number),
        producer_time_ns=optional(f.producer_time_ns),
        server_time_ns=optional(f.server_time_ns),
        start_ns=optional(f.start_ns),
        gap_ns=optional(f.gap_ns),
        timestamp_scale=f.timestamp_scale,
        new_tracks=bool(f.flags & _ffi.FRAGMENT_NEW_TRACKS),
        discontinuity=bool(f.flags & _ffi.FRAGMENT_DISCONTINUITY),
        error_id=f.error_id or None,
        error_code=text_of(f.error_code),
        error_message=text_of(f.error_message),
        tracks=tuple(track_of(t.contents) for t in f.tracks[: f.track_count]),
        tags=tags_of(f.tags, f.tag_count),
    )


def update_fragment(fragment: Fragment, f: Any) -> None:
    """Sets what may have come since fragment_of()."""
    fragment.producer_time_ns = optional(f.producer_time_ns)
    fragment.server_time_ns = optional(f.server_time_ns)
    fragment.error_id = f.error_id or None
    fragment.error_code = text_of(f.error_code)
    fragment.error_message = text_of(f.error_message)
    fragment.number = text_of(f.number)
    fragment.continuation_token = text_of(f.continuation_token)
    fragment.millis_behind_now = optional(f.millis_behind_now)
    fragment.complete = bool(f.flags & _ffi.FRAGMENT_COMPLETE)
    fragment.damaged = bool(f.flags & _ffi.FRAGMENT_DAMAGED)
    fragment.end_tag = bool(f.flags & _ffi.FRAGMENT_END_TAG)
    tracks = tuple(track_of(t.contents) for t in f.tracks[: f.track_count])
    if tracks != fragment.tracks:  # a MimeType tag says what they really are
        fragment.tracks = tracks


def end_fragment(fragment: Fragment, f: Any) -> None:
    """Sets what is known at its end."""
    update_fragment(fragment, f)
    fragment.frame_count = f.frame_count
    fragment.size = f.size


def gap_of(gap: Any, fragment: Fragment | None) -> Gap:
    return Gap(
        fragment=fragment,
        start=gap.from_,
        end=gap.to,
        code=gap.status,
        reason=gap.reason.decode(),
        element_id=gap.element_id or None,
        frames_lost=None if gap.frames_lost < 0 else gap.frames_lost,
        fragments_affected=gap.fragments_affected,
    )
