"""The structs and functions of the C headers, and nothing else.

Names are those of the headers without their prefix ``kvsp_``.
``tests/test_layout.py`` compares each field with what a C compiler says.
"""

from __future__ import annotations

import ctypes
from ctypes import (
    POINTER,
    c_char_p,
    c_double,
    c_int,
    c_int64,
    c_size_t,
    c_ssize_t,
    c_uint,
    c_uint8,
    c_uint16,
    c_uint32,
    c_uint64,
    c_void_p,
)
from typing import Any, ClassVar

# enum kvsp_status
OK = 0
NEED_INPUT = 1
END = 3
FINAL = 1

# enum kvsp_reader_flags
READ_STRICT = 1
READ_KEY_FRAMES = 2
READ_NO_DATA = 4
READ_CHECK_CRC = 8
READ_DECOMPRESS = 16
READ_ENTRIES = 32

# enum kvsp_item_type
ITEM_FRAGMENT = 1
ITEM_FRAME = 2
ITEM_TAGS = 3
ITEM_FRAGMENT_END = 4
ITEM_GAP = 5

# enum kvsp_fragment_flags
FRAGMENT_NEW_TRACKS = 1
FRAGMENT_DISCONTINUITY = 2
FRAGMENT_COMPLETE = 4
FRAGMENT_DAMAGED = 8
FRAGMENT_END_TAG = 16

# enum kvsp_tag_flags
TAG_STRING = 1
TAG_BINARY = 2

# enum kvsp_picture_flags, kvsp_decoder_flags
PICTURE_KEY = 1
PICTURE_DAMAGED = 2
DECODE_LOW_DELAY = 1

# enum kvsp_merger_flags
MERGE_STRICT = 1
MERGE_CHECK_CRC = 8
MERGE_TAGS = 32
MERGE_STOP = 64

# enum kvsp_finisher_flags
FINISH_NO_CHAPTERS = 1

FEATURE_ZLIB = 1


class View(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [("data", c_void_p), ("len", c_size_t)]


class Limits(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("struct_size", c_size_t),
        ("max_depth", c_uint32),
        ("max_tracks", c_uint32),
        ("max_tags", c_uint32),
        ("reserved", c_uint32),
        ("max_value", c_uint64),
        ("max_frame", c_uint64),
        ("max_memory", c_uint64),
    ]


class ErrorInfo(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("status", c_int),
        ("offset", c_uint64),
        ("element_id", c_uint64),
        ("message", c_char_p),
    ]


class Track(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("number", c_uint64),
        ("uid", c_uint64),
        ("index", c_uint32),
        ("type", c_uint32),
        ("width", c_uint32),
        ("height", c_uint32),
        ("sample_rate", c_double),
        ("channels", c_uint32),
        ("bit_depth", c_uint32),
        ("default_duration_ns", c_int64),
        ("codec_id", View),
        ("codec_private", View),
        ("name", View),
        ("language", View),
        ("encodings", c_uint32),
        ("audio_channels", c_uint32),
        ("audio_bit_depth", c_uint32),
        ("audio_sample_rate", c_double),
        ("audio_codec_id", View),
        ("entry", View),
    ]


class Target(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [("element_id", c_uint64), ("uid", c_uint64)]


class Targets(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("type_value", c_uint64),
        ("type", View),
        ("targets", POINTER(Target)),
        ("target_count", c_size_t),
    ]


class Tag(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("name", View),
        ("value", View),
        ("flags", c_uint32),
        ("depth", c_uint32),
        ("targets", POINTER(Targets)),
    ]


class Fragment(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("index", c_uint64),
        ("offset", c_uint64),
        ("size", c_uint64),
        ("flags", c_uint32),
        ("error_id", c_uint32),
        ("error_code", View),
        ("error_message", View),
        ("number", View),
        ("continuation_token", View),
        ("producer_time_ns", c_int64),
        ("server_time_ns", c_int64),
        ("millis_behind_now", c_int64),
        ("start_ns", c_int64),
        ("gap_ns", c_int64),
        ("timestamp_scale", c_uint64),
        ("tracks", POINTER(POINTER(Track))),
        ("track_count", c_size_t),
        ("tags", POINTER(POINTER(Tag))),
        ("tag_count", c_size_t),
        ("frame_count", c_uint64),
    ]


class Addition(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [("id", c_uint64), ("data", View)]


class Frame(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("data", View),
        ("size", c_uint64),
        ("offset", c_uint64),
        ("track", POINTER(Track)),
        ("fragment", POINTER(Fragment)),
        ("index", c_uint64),
        ("pts_ns", c_int64),
        ("producer_time_ns", c_int64),
        ("duration_ns", c_int64),
        ("discard_padding_ns", c_int64),
        ("flags", c_uint32),
        ("lacing", c_uint32),
        ("lace_index", c_uint32),
        ("lace_count", c_uint32),
        ("owner", c_void_p),
        ("codec_state", View),
        ("additions", POINTER(Addition)),
        ("addition_count", c_size_t),
    ]


# The same for struct.iter_unpack, which reads an array of them much faster:
# from data to lace_count, without fragment; nothing of what follows.
_SKIP = f"{ctypes.sizeof(c_void_p)}x"
_REST = ctypes.sizeof(Frame) - Frame.owner.offset
FRAME_RECORD = f"@PNQQP{_SKIP}QqqqqIIII{_REST}x"


class Gap(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("from_", c_uint64),
        ("to", c_uint64),
        ("status", c_int),
        ("element_id", c_uint64),
        ("reason", c_char_p),
        ("frames_lost", c_int64),
        ("fragments_affected", c_uint64),
    ]


class Item(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("type", c_uint32),
        ("fragment", POINTER(Fragment)),
        ("frame", POINTER(Frame)),
        ("tags", POINTER(POINTER(Tag))),
        ("tag_count", c_size_t),
        ("gap", POINTER(Gap)),
    ]


class ReaderConfig(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("struct_size", c_size_t),
        ("allocator", c_void_p),
        ("limits", POINTER(Limits)),
        ("flags", c_uint32),
        ("reserved", c_uint32),
        ("track_types", c_uint64),
        ("tracks", POINTER(c_uint64)),
        ("track_count", c_size_t),
    ]


class ReaderStats(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("bytes_fed", c_uint64),
        ("bytes_copied", c_uint64),
        ("bytes_examined", c_uint64),
        ("memory", c_uint64),
        ("memory_peak", c_uint64),
    ]


class Piece(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("data", View),
        ("offset", c_uint64),
        ("segment", c_uint64),
        ("fragment_index", c_uint64),
        ("producer_time_ns", c_int64),
        ("reason", c_uint32),
        ("flags", c_uint32),
        ("pts_ns", c_int64),
        ("sample_rate", c_uint32),
        ("channels", c_uint32),
    ]


class CollectorConfig(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("struct_size", c_size_t),
        ("allocator", c_void_p),
        ("max_memory", c_uint64),
    ]


class MergerConfig(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("struct_size", c_size_t),
        ("allocator", c_void_p),
        ("limits", POINTER(Limits)),
        ("mode", c_uint32),
        ("flags", c_uint32),
        ("output", c_void_p),
        ("user", c_void_p),
        ("item", c_void_p),
        ("split_fragments", c_uint64),
        ("split_bytes", c_uint64),
        ("split_ns", c_int64),
    ]


class MergerStats(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("segments", c_uint64),
        ("fragments", c_uint64),
        ("frames", c_uint64),
        ("frames_left", c_uint64),
        ("bytes", c_uint64),
        ("gaps", c_uint64),
        ("memory", c_uint64),
        ("memory_peak", c_uint64),
    ]


class FinisherConfig(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("struct_size", c_size_t),
        ("write", c_void_p),
        ("user", c_void_p),
        ("mode", c_uint32),
        ("flags", c_uint32),
        ("writing_app", c_char_p),
        ("max_memory", c_uint64),
    ]


class FinisherStats(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("frames", c_uint64),
        ("frames_unknown", c_uint64),
        ("frames_compressed", c_uint64),
        ("clusters", c_uint64),
        ("cues", c_uint64),
        ("chapters", c_uint64),
        ("bytes", c_uint64),
        ("memory", c_uint64),
        ("duration_ns", c_int64),
    ]


class ExtractorConfig(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("struct_size", c_size_t),
        ("allocator", c_void_p),
        ("format", c_uint32),
        ("reserved", c_uint32),
    ]


class ElementInfo(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("id", c_uint64),
        ("name", c_char_p),
        ("path", c_char_p),
        ("parent_id", c_uint64),
        ("type", c_uint8),
        ("level", c_uint8),
        ("flags", c_uint16),
        ("default_value", c_uint64),
    ]


class Event(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("type", c_uint32),
        ("flags", c_uint32),
        ("id", c_uint64),
        ("depth", c_uint32),
        ("header_size", c_uint32),
        ("offset", c_uint64),
        ("size", c_uint64),
        ("data_offset", c_uint64),
        ("data", View),
        ("info", POINTER(ElementInfo)),
    ]


class Picture(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("format", c_uint32),
        ("width", c_uint32),
        ("height", c_uint32),
        ("flags", c_uint32),
        ("plane", c_void_p * 4),
        ("stride", c_ssize_t * 4),
        ("pts_ns", c_int64),
        ("producer_time_ns", c_int64),
        ("duration_ns", c_int64),
        ("offset", c_uint64),
        ("index", c_uint64),
        ("track_number", c_uint64),
        ("fragment_index", c_uint64),
        ("frame_index", c_uint64),
        ("fragment_number", View),
        ("coded_width", c_uint32),
        ("coded_height", c_uint32),
        ("native_format", c_int),
        ("native_format_name", c_char_p),
        ("avframe", c_void_p),
        ("owner", c_void_p),
    ]


class PicturesConfig(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("struct_size", c_size_t),
        ("allocator", c_void_p),
        ("limits", POINTER(Limits)),
        ("reader_flags", c_uint32),
        ("format", c_uint32),
        ("width", c_uint32),
        ("height", c_uint32),
        ("threads", c_uint32),
        ("flags", c_uint32),
        ("max_width", c_uint32),
        ("max_height", c_uint32),
        ("track_number", c_uint64),
        ("every", c_uint64),
        ("interval_ns", c_int64),
        ("item_callback", c_void_p),
        ("item_user", c_void_p),
    ]


class PicturesStats(ctypes.Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("frames", c_uint64),
        ("frames_sent", c_uint64),
        ("pictures", c_uint64),
        ("damaged", c_uint64),
        ("errors", c_uint64),
        ("undecodable", c_uint64),
        ("decoders_opened", c_uint64),
        ("gaps", c_uint64),
    ]


#: The structs of each library, by their names in the headers.
CORE_STRUCTS: dict[str, type[ctypes.Structure]] = {
    "kvsp_view": View,
    "kvsp_limits": Limits,
    "kvsp_error_info": ErrorInfo,
    "kvsp_track": Track,
    "kvsp_target": Target,
    "kvsp_targets": Targets,
    "kvsp_tag": Tag,
    "kvsp_fragment": Fragment,
    "kvsp_addition": Addition,
    "kvsp_frame": Frame,
    "kvsp_gap": Gap,
    "kvsp_item": Item,
    "kvsp_reader_config": ReaderConfig,
    "kvsp_reader_stats": ReaderStats,
    "kvsp_collected": Piece,
    "kvsp_collector_config": CollectorConfig,
    "kvsp_merger_config": MergerConfig,
    "kvsp_merger_stats": MergerStats,
    "kvsp_element_info": ElementInfo,
    "kvsp_event": Event,
}
AV_STRUCTS: dict[str, type[ctypes.Structure]] = {
    "kvsp_picture": Picture,
    "kvsp_pictures_config": PicturesConfig,
    "kvsp_pictures_stats": PicturesStats,
}
#: Those that no library tells the size of.
OTHER_STRUCTS: dict[str, type[ctypes.Structure]] = {
    "kvsp_extractor_config": ExtractorConfig,
    "kvsp_finisher_config": FinisherConfig,
    "kvsp_finisher_stats": FinisherStats,
}

Function = tuple[str, Any, list[Any]]

# Handles are plain addresses.
_OUT_HANDLE = POINTER(c_void_p)

CORE_FUNCTIONS: list[Function] = [
    ("kvsp_version", c_char_p, []),
    ("kvsp_features", c_uint32, []),
    ("kvsp_sizeof", c_size_t, [c_char_p]),
    ("kvsp_status_text", c_char_p, [c_int]),
    ("kvsp_status_name", c_char_p, [c_int]),
    ("kvsp_reader_new", c_int, [_OUT_HANDLE, POINTER(ReaderConfig)]),
    ("kvsp_reader_free", None, [c_void_p]),
    ("kvsp_reader_reset", c_int, [c_void_p]),
    ("kvsp_reader_input", c_int, [c_void_p, c_void_p, c_size_t, c_uint]),
    (
        "kvsp_reader_next_frames",
        c_int,
        [
            c_void_p,
            c_void_p,
            c_size_t,
            c_size_t,
            POINTER(c_size_t),
            POINTER(POINTER(Item)),
        ],
    ),
    ("kvsp_reader_next", c_int, [c_void_p, POINTER(POINTER(Item))]),
    ("kvsp_reader_error", POINTER(ErrorInfo), [c_void_p]),
    ("kvsp_reader_offset", c_uint64, [c_void_p]),
    ("kvsp_reader_set_limits", c_int, [c_void_p, POINTER(Limits)]),
    (
        "kvsp_reader_get_stats",
        c_int,
        [c_void_p, POINTER(ReaderStats), c_size_t],
    ),
    ("kvsp_fragment_error_text", c_char_p, [c_uint32]),
    ("kvsp_collector_new", c_int, [_OUT_HANDLE, POINTER(CollectorConfig)]),
    ("kvsp_collector_free", None, [c_void_p]),
    ("kvsp_collector_reset", c_int, [c_void_p]),
    ("kvsp_collector_next", c_int, [c_void_p, POINTER(POINTER(Piece))]),
    ("kvsp_merger_new", c_int, [_OUT_HANDLE, POINTER(MergerConfig)]),
    ("kvsp_merger_free", None, [c_void_p]),
    ("kvsp_merger_write", c_int, [c_void_p, c_void_p, c_size_t, c_uint]),
    ("kvsp_merger_error", POINTER(ErrorInfo), [c_void_p]),
    (
        "kvsp_merger_get_stats",
        c_int,
        [c_void_p, POINTER(MergerStats), c_size_t],
    ),
    ("kvsp_tokenizer_new", c_int, [_OUT_HANDLE, c_void_p]),
    ("kvsp_tokenizer_free", None, [c_void_p]),
    ("kvsp_tokenizer_input", c_int, [c_void_p, c_void_p, c_size_t, c_uint]),
    ("kvsp_tokenizer_next", c_int, [c_void_p, POINTER(POINTER(Event))]),
    ("kvsp_tokenizer_skip", c_int, [c_void_p]),
    ("kvsp_tokenizer_resync", c_int, [c_void_p]),
]
AV_FUNCTIONS: list[Function] = [
    ("kvsp_av_version", c_char_p, []),
    ("kvsp_av_sizeof", c_size_t, [c_char_p]),
    ("kvsp_pictures_new", c_int, [_OUT_HANDLE, POINTER(PicturesConfig)]),
    ("kvsp_pictures_free", None, [c_void_p]),
    ("kvsp_pictures_reset", c_int, [c_void_p]),
    ("kvsp_pictures_input", c_int, [c_void_p, c_void_p, c_size_t, c_uint]),
    (
        "kvsp_pictures_next_item",
        c_int,
        [c_void_p, POINTER(POINTER(Item)), POINTER(POINTER(Picture))],
    ),
    ("kvsp_pictures_error", POINTER(ErrorInfo), [c_void_p]),
    ("kvsp_pictures_message", c_char_p, [c_void_p]),
    ("kvsp_pictures_set_limits", c_int, [c_void_p, POINTER(Limits)]),
    (
        "kvsp_pictures_get_stats",
        c_int,
        [c_void_p, POINTER(PicturesStats), c_size_t],
    ),
    ("kvsp_picture_retain", c_int, [POINTER(Picture), POINTER(POINTER(Picture))]),
    ("kvsp_picture_release", None, [POINTER(Picture)]),
    (
        "kvsp_extractor_new",
        c_int,
        [_OUT_HANDLE, POINTER(Track), POINTER(ExtractorConfig)],
    ),
    ("kvsp_extractor_free", None, [c_void_p]),
    (
        "kvsp_extractor_send",
        c_int,
        [c_void_p, POINTER(Frame), c_void_p, c_void_p],
    ),
    ("kvsp_extractor_message", c_char_p, [c_void_p]),
]
MATROSKA_FUNCTIONS: list[Function] = [
    ("kvsp_finisher_new", c_int, [_OUT_HANDLE, POINTER(FinisherConfig)]),
    ("kvsp_finisher_free", None, [c_void_p]),
    ("kvsp_finisher_reset", c_int, [c_void_p]),
    ("kvsp_finisher_item", c_int, [c_void_p, POINTER(Item)]),
    ("kvsp_finisher_finish", c_int, [c_void_p]),
    (
        "kvsp_finisher_get_stats",
        c_int,
        [c_void_p, POINTER(FinisherStats), c_size_t],
    ),
    ("kvsp_finisher_version", c_char_p, []),
]
