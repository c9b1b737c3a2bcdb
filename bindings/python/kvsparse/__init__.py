"""Amazon Kinesis Video Streams in, frames out: libkvsparse for Python.

    import kvsparse

    for picture in kvsparse.pictures("getmedia.mkv"):
        print(picture.producer_time, picture.array.shape)

    for item in kvsparse.read(response["Payload"]):
        match item:
            case kvsparse.Fragment():
                print(item.number, item.producer_time, item.tags)
            case kvsparse.Frame():
                print(item.track.codec_id, item.pts_ns, len(item.data))

read() gives all items of a stream, frames() its frames, pictures() decoded ones
as numpy arrays; Reader and PictureReader are for those who own the loop.
merge(), finish() and extract() write files: one that plays, one in which players
seek, one track without Matroska around it.  kvsparse.consumer is for programs
made for AWS's Python sample.  What goes wrong is a subclass of kvsparse.Error;
damage in a stream is no error, but a Gap.
"""

from __future__ import annotations

from . import _library
from ._extract import Extract, ExtractResult, extract, extracted
from ._ffi import FEATURE_ZLIB
from ._finish import FinishResult, finish
from ._functions import frames, pictures, read
from ._items import (
    Addition,
    Fragment,
    FragmentEnd,
    Frame,
    Gap,
    Item,
    Tag,
    Tags,
    Targets,
    Track,
)
from ._merge import MergeResult, merge, merged
from ._pictures import Picture, PictureReader
from ._reader import Reader
from ._sources import Source
from ._stream import Stream
from ._version import VERSION as __version__
from .errors import (
    ArgumentError,
    CodecError,
    DataError,
    Error,
    FatalError,
    LibraryError,
    LimitError,
    MissingModuleError,
)

__all__ = [
    "Addition",
    "ArgumentError",
    "CodecError",
    "DataError",
    "Error",
    "Extract",
    "ExtractResult",
    "FatalError",
    "FinishResult",
    "Fragment",
    "FragmentEnd",
    "Frame",
    "Gap",
    "Item",
    "LibraryError",
    "LimitError",
    "MergeResult",
    "MissingModuleError",
    "Picture",
    "PictureReader",
    "Reader",
    "Source",
    "Stream",
    "Tag",
    "Tags",
    "Targets",
    "Track",
    "__version__",
    "error_text",
    "extract",
    "extracted",
    "features",
    "finish",
    "frames",
    "library_version",
    "merge",
    "merged",
    "pictures",
    "read",
]


def library_version() -> str:
    """The version of the libkvsparse that runs; the package's own."""
    version: bytes = _library.core().kvsp_version()
    return version.decode()


def features() -> frozenset[str]:
    """What can be done here: "zlib" (decompress), "pictures" (and extract()),
    "finish", "numpy", "pillow"."""
    from importlib.util import find_spec

    found = set()
    if _library.core().kvsp_features() & FEATURE_ZLIB:
        found.add("zlib")
    for name, load in (("pictures", _library.av), ("finish", _library.matroska)):
        try:
            load()
            found.add(name)
        except LibraryError:
            pass
    found |= {
        name
        for name, module in (("numpy", "numpy"), ("pillow", "PIL"))
        if find_spec(module)
    }
    return frozenset(found)


def error_text(error_id: int) -> str | None:
    """What an error id that the service sent (``Fragment.error_id``) means;
    None where it is not documented."""
    text: bytes | None = _library.core().kvsp_fragment_error_text(error_id)
    return None if text is None else text.decode()


_library.core()  # whoever imports the package hears at once what is missing
