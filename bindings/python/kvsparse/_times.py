"""Nanoseconds of the library into what Python has for times."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

# KVSP_TIME_NONE: "no such time".
TIME_NONE = -(2**63)

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def optional(ns: int) -> int | None:
    """The nanoseconds, None where there is no such time."""
    return None if ns == TIME_NONE else ns


def utc(ns: int | None) -> datetime | None:
    """An aware datetime, cut to microseconds, which is all that it can hold."""
    return None if ns is None else _EPOCH + timedelta(microseconds=ns // 1000)
