"""libx264 itself, through ctypes, for the one thing that FFmpeg's wrapper does not pass on: a
quantizer for each picture. With it x264 needs no lookahead of its own (a quarter of its time).

The library is the one that PyAV brings, so its build is pinned by our lock file. The few fields of
its structures that are touched are checked when it is loaded; if anything is not as expected,
`load` gives None and the encoder of `h264.py` does the work.
"""

from __future__ import annotations

import ctypes
import logging
from ctypes import POINTER, byref, c_char_p, c_int, c_int64, c_size_t, c_uint8, c_void_p
from functools import cache
from pathlib import Path

import av

log = logging.getLogger(__name__)

BUILDS = (163, 164, 165)  # those whose x264_param_t and x264_picture_t begin as below
_PARAM_BYTES, _PICTURE_BYTES = 16_384, 2_048  # far more than they have
_WIDTH, _HEIGHT, _CSP, _BIT_DEPTH = 7, 8, 9, 10  # ints of x264_param_t
_I420, _TYPE_AUTO, _TYPE_IDR = 2, 0, 1


class _Picture(ctypes.Structure):
    """x264_picture_t as far as it is used; the rest stays zero."""

    _fields_ = (
        ("kind", c_int),
        ("qp_plus_1", c_int),
        ("pic_struct", c_int),
        ("keyframe", c_int),
        ("pts", c_int64),
        ("dts", c_int64),
        ("param", c_void_p),
        ("csp", c_int),
        ("plane_count", c_int),
        ("strides", c_int * 4),
        ("planes", c_void_p * 4),
        ("rest", c_uint8 * _PICTURE_BYTES),
    )


class _Nal(ctypes.Structure):
    """x264_nal_t; the payloads of one picture lie one after the other."""

    _fields_ = (
        ("ref_idc", c_int),
        ("kind", c_int),
        ("long_startcode", c_int),
        ("first_mb", c_int),
        ("last_mb", c_int),
        ("size", c_int),
        ("payload", c_void_p),
        ("padding", c_int),
    )


class Library:
    """The functions, typed. Raises OSError or AttributeError where they are missing."""

    def __init__(self, path: Path, build: int) -> None:
        library = ctypes.CDLL(str(path))
        self.preset = library.x264_param_default_preset
        self.preset.argtypes = (c_void_p, c_char_p, c_char_p)
        self.parse = library.x264_param_parse
        self.parse.argtypes = (c_void_p, c_char_p, c_char_p)
        self.profile = library.x264_param_apply_profile
        self.profile.argtypes = (c_void_p, c_char_p)
        self.open = getattr(library, f"x264_encoder_open_{build}")
        self.open.argtypes, self.open.restype = (c_void_p,), c_void_p
        self.encode = library.x264_encoder_encode
        self.encode.argtypes = (
            *(c_void_p, POINTER(POINTER(_Nal)), POINTER(c_int)),
            *(POINTER(_Picture), POINTER(_Picture)),
        )
        self.close = library.x264_encoder_close
        self.close.argtypes, self.close.restype = (c_void_p,), None
        self.alloc = library.x264_picture_alloc
        self.alloc.argtypes = (POINTER(_Picture), c_int, c_int, c_int)
        self.clean = library.x264_picture_clean
        self.clean.argtypes, self.clean.restype = (POINTER(_Picture),), None

    def as_expected(self) -> bool:
        """Whether the fields lie where this module writes them."""
        param = (c_int * (_PARAM_BYTES // 4))()
        if self.preset(param, b"ultrafast", b"zerolatency") < 0:
            return False
        if tuple(param[_WIDTH : _BIT_DEPTH + 1]) != (0, 0, _I420, 8):
            return False
        picture = _Picture()
        if self.alloc(byref(picture), _I420, 64, 32) < 0:
            return False
        planes, strides = list(picture.planes), list(picture.strides)
        self.clean(byref(picture))
        return (
            strides == [64, 32, 32, 0]
            and planes[0] is not None
            and planes[1] - planes[0] >= 64 * 32
            and planes[3] is None
        )


@cache
def load() -> Library | None:
    """PyAV's own libx264, or None where it is another than expected."""
    for path in sorted((Path(av.__file__).parents[1] / "av.libs").glob("libx264-*.so.*")):
        build = path.suffix[1:]
        if not build.isdigit() or int(build) not in BUILDS:
            continue
        try:
            library = Library(path, int(build))
        except (OSError, AttributeError):
            continue
        if library.as_expected():
            return library
    log.warning("PyAV brings no libx264 that is known here; its own wrapper is used (more CPU)")
    return None


class X264:
    """One encoder at a quantizer given with each picture. Not thread safe. Raises ValueError."""

    def __init__(
        self, library: Library, width_px: int, height_px: int, options: dict[str, str]
    ) -> None:
        self._library, self._handle = library, None
        param = (c_int * (_PARAM_BYTES // 4))()
        library.preset(param, b"ultrafast", b"zerolatency")
        param[_WIDTH], param[_HEIGHT] = width_px, height_px
        for name, value in options.items():
            if library.parse(param, name.encode(), value.encode()) < 0:
                raise ValueError(f"libx264 refuses {name}={value}")
        library.profile(param, b"baseline")
        self._handle = library.open(param)
        if not self._handle:
            raise ValueError("libx264 refuses the settings")
        self._in, self._out = _Picture(), _Picture()
        self._in.csp, self._in.plane_count = _I420, 3
        self._nals, self._count = POINTER(_Nal)(), c_int()

    def encode(self, picture: av.VideoFrame, qp: int, *, idr: bool) -> bytes:
        """One yuv420p picture into one Annex B access unit."""
        source = self._in
        for index, plane in enumerate(picture.planes):
            source.planes[index], source.strides[index] = plane.buffer_ptr, plane.line_size
        source.kind = _TYPE_IDR if idr else _TYPE_AUTO
        source.qp_plus_1 = qp + 1
        size = self._library.encode(
            self._handle, byref(self._nals), byref(self._count), byref(source), byref(self._out)
        )
        source.pts += 1
        if size <= 0:
            raise ValueError(f"libx264 gave {size} bytes for one frame")
        return ctypes.string_at(self._nals[0].payload, c_size_t(size).value)

    def close(self) -> None:
        """Free it; may be called twice."""
        if self._handle:
            self._library.close(self._handle)
            self._handle = None

    def __del__(self) -> None:
        self.close()
