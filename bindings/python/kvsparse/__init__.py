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
as numpy arrays; Reader and PictureReader are for those who own the loop.  What
goes wrong is a subclass of kvsparse.Error; damage in a stream is no error, but
a Gap.
"""

from __future__ import annotations

from . import _library
from ._ffi import FEATURE_ZLIB
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
from ._pictures import Picture, PictureReader
from ._reader import Reader
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
    "FatalError",
    "Fragment",
    "FragmentEnd",
    "Frame",
    "Gap",
    "Item",
    "LibraryError",
    "LimitError",
    "MissingModuleError",
    "Picture",
    "PictureReader",
    "Reader",
    "Stream",
    "Tag",
    "Tags",
    "Targets",
    "Track",
    "__version__",
    "error_text",
    "features",
    "frames",
    "library_version",
    "pictures",
    "read",
]


def library_version() -> str:
    """The version of the libkvsparse that runs; the package's own."""
    version: bytes = _library.core().kvsp_version()
    return version.decode()


def features() -> frozenset[str]:
    """What can be done here: "zlib" (decompress), "pictures", "numpy",
    "pillow"."""
    from importlib.util import find_spec

    found = set()
    if _library.core().kvsp_features() & FEATURE_ZLIB:
        found.add("zlib")
    try:
        _library.av()
        found.add("pictures")
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
