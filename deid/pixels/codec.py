"""One frame from its stored bytes to samples and back, without loss.

Decoders are imagecodecs' (libjpeg-turbo 3, CharLS, OpenJPEG), encoders those, pyjpegls and pylibjpeg-openjpeg, which
write the stored precision. Every encoded frame is decoded again and compared before it is used.
"""

from __future__ import annotations

import struct
from typing import Any

import imagecodecs
import jpeg_ls
import numpy as np
from openjpeg.utils import encode_array
from pydicom.uid import ExplicitVRBigEndian

from deid.pixels.source import Array, Layout, unreadable

RLE = "1.2.840.10008.1.2.5"
JPEG_DCT = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 53, 55))
JPEG_LOSSLESS = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (57, 70))
JPEG_LS = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (80, 81))
JPEG_2000 = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (90, 91))
HTJ2K = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (201, 202, 203))
COLOUR_DECODED = JPEG_DCT | JPEG_2000 | HTJ2K  #: their decoders give RGB whatever was stored


class NotEncodable(Exception):
    """This frame cannot be written again in its own transfer syntax without loss."""


def decode(layout: Layout, data: bytes) -> Array:
    """Samples of a frame, (rows, columns) or (rows, columns, 3); YBR where native, RLE or JPEG-LS store YBR.

    Raises:
        QuarantineError: ``pixels-not-decodable``.
    """
    try:
        frame = _decode(layout, data)
    except (RuntimeError, ValueError, TypeError, struct.error, IndexError) as error:
        raise unreadable(detail=f"{layout.syntax}:{type(error).__name__}") from error
    want = (layout.rows, layout.columns) + ((3,) if layout.samples == 3 else ())
    if frame.shape != want:
        raise unreadable(detail=f"{layout.syntax}:shape")
    return frame


def _decode(layout: Layout, data: bytes) -> Array:
    if layout.native:
        return _native(layout, data)
    if layout.syntax == RLE:
        return _rle_decode(layout, data)
    if layout.syntax in JPEG_DCT | JPEG_LOSSLESS:
        frame = imagecodecs.jpeg8_decode(data)
        return (
            _signed(layout, frame, jpeg_precision(data))
            if layout.syntax in JPEG_LOSSLESS
            else _typed(layout, frame)
        )
    if layout.syntax in JPEG_LS:
        return _signed(layout, imagecodecs.jpegls_decode(data), jpeg_precision(data))
    if layout.syntax in JPEG_2000 | HTJ2K:
        frame = imagecodecs.jpeg2k_decode(data)
        if not layout.signed or frame.dtype.kind == "i":
            return _typed(layout, frame)
        return _signed(layout, frame, layout.stored)
    raise unreadable(detail=f"{layout.syntax}:no-decoder")


def _typed(layout: Layout, frame: Array) -> Array:
    return frame.astype(layout.dtype, copy=False)


def _signed(layout: Layout, frame: Array, precision: int) -> Array:
    """Two's complement of ``precision`` bits where the layout is signed."""
    if not layout.signed:
        return _typed(layout, frame)
    wide = frame.astype(np.int64)
    return np.where(wide >> (precision - 1) & 1, wide - (1 << precision), wide).astype(layout.dtype)


def _native(layout: Layout, data: bytes) -> Array:
    if layout.halved:
        packed = np.frombuffer(data, layout.dtype).reshape(layout.rows, layout.columns // 2, 4)
        frame = np.empty((layout.rows, layout.columns, 3), layout.dtype)
        frame[:, 0::2, 0], frame[:, 1::2, 0] = packed[..., 0], packed[..., 1]
        frame[..., 1], frame[..., 2] = packed[..., 2].repeat(2, 1), packed[..., 3].repeat(2, 1)
        return frame
    if layout.allocated == 8 and layout.syntax == ExplicitVRBigEndian:
        data = _swapped(data)
    flat = np.frombuffer(data, layout.dtype)
    if layout.samples == 1:
        return flat.reshape(layout.rows, layout.columns)
    if layout.planar:
        return flat.reshape(3, layout.rows, layout.columns).transpose(1, 2, 0)
    return flat.reshape(layout.rows, layout.columns, 3)


def _swapped(data: bytes) -> bytes:
    """8-bit samples in big-endian words (PS3.5 8.1.1): every pair of bytes changes place."""
    even = len(data) & ~1
    return np.frombuffer(data[:even], np.uint16).byteswap().tobytes() + data[even:]


def native_bytes(layout: Layout, frame: Array) -> bytes:
    """The stored bytes of a native frame."""
    frame = frame.astype(layout.dtype, copy=False)
    if layout.halved:
        packed = np.empty((layout.rows, layout.columns // 2, 4), layout.dtype)
        packed[..., 0], packed[..., 1] = frame[:, 0::2, 0], frame[:, 1::2, 0]
        packed[..., 2], packed[..., 3] = frame[:, 0::2, 1], frame[:, 0::2, 2]
        return packed.tobytes()
    if layout.samples == 3 and layout.planar:
        frame = frame.transpose(2, 0, 1)
    data = np.ascontiguousarray(frame).tobytes()
    return _swapped(data) if layout.allocated == 8 and layout.syntax == ExplicitVRBigEndian else data


def _rle_decode(layout: Layout, data: bytes) -> Array:
    count, *offsets = struct.unpack("<16I", data[:64])
    width = layout.allocated // 8
    if count != layout.samples * width:
        raise unreadable(detail="rle:segments")
    size, planes = layout.rows * layout.columns, []
    ends = [*offsets[1:count], len(data)]
    for start, end in zip(offsets[:count], ends, strict=True):
        plane = imagecodecs.packbits_decode(data[start:end])
        if len(plane) < size:
            raise unreadable(detail="rle:short")
        planes.append(np.frombuffer(plane, np.uint8)[:size])
    samples = [
        np.stack(planes[s * width : (s + 1) * width], 1) for s in range(layout.samples)
    ]  # most significant first
    kind = np.dtype(f">{'i' if layout.signed else 'u'}{width}")
    frames = [np.ascontiguousarray(s).view(kind).reshape(layout.rows, layout.columns) for s in samples]
    return (frames[0] if layout.samples == 1 else np.stack(frames, -1)).astype(layout.dtype)


def _rle_encode(layout: Layout, frame: Array) -> bytes:
    """PS3.5 Annex G: byte planes, most significant first, each row packed for itself."""
    width = layout.allocated // 8
    segments = []
    for sample in range(layout.samples):
        plane = frame if layout.samples == 1 else frame[..., sample]
        octets = (
            np.ascontiguousarray(plane.astype(f">u{width}"))
            .view(np.uint8)
            .reshape(layout.rows, layout.columns, width)
        )
        for octet in range(width):
            packed = bytes(imagecodecs.packbits_encode(np.ascontiguousarray(octets[..., octet]), axis=-1))
            segments.append(packed + b"\0" * (len(packed) % 2))
    offsets, at = [], 64
    for segment in segments:
        offsets.append(at)
        at += len(segment)
    return struct.pack("<16I", len(segments), *offsets, *[0] * (15 - len(segments))) + b"".join(segments)


def jpeg_precision(data: bytes) -> int:
    """Sample precision of a JPEG or JPEG-LS frame header (SOFn or SOF55)."""
    at = 2
    while at + 4 < len(data):
        if data[at] != 0xFF:
            break
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            return data[at + 4]
        at += 2 + length
    msg = "no frame header"
    raise ValueError(msg)


def encode(layout: Layout, frame: Array, original: bytes) -> bytes:
    """A frame in its own transfer syntax, without loss, even in length; ``original`` gives the precision.

    Raises:
        NotEncodable: there is no such way; DCT-coded JPEG is for :mod:`deid.pixels.jpeg`.
    """
    if layout.native:
        return native_bytes(layout, frame)
    try:
        data = _encode(layout, frame, original)
        same = np.array_equal(_decode(layout, data), frame)
    except (RuntimeError, ValueError, TypeError) as error:
        msg = f"{layout.syntax}:{type(error).__name__}"
        raise NotEncodable(msg) from error
    if not same:
        msg = f"{layout.syntax}:differs"
        raise NotEncodable(msg)
    return data + b"\0" * (len(data) % 2)


def _encode(layout: Layout, frame: Array, original: bytes) -> bytes:
    if layout.syntax == RLE:
        return _rle_encode(layout, frame)
    if layout.syntax in JPEG_LOSSLESS:
        precision = jpeg_precision(original)
        options: dict[str, Any] = {"colorspace": "RGB", "outcolorspace": "RGB"} if layout.samples == 3 else {}
        return bytes(imagecodecs.jpeg8_encode(
            _unsigned(frame, precision), lossless=True, predictor=1, bitspersample=precision, **options
        ))  # fmt: skip
    if layout.syntax in JPEG_LS:
        precision = jpeg_precision(original)
        return bytes(jpeg_ls.encode_pixel_data(
            _unsigned(frame, precision).tobytes(),
            rows=layout.rows,
            columns=layout.columns,
            samples_per_pixel=layout.samples,
            bits_allocated=layout.allocated,
            bits_stored=precision,
            planar_configuration=0,
            interleave_mode=0 if layout.samples == 1 else 2,
        ))  # fmt: skip
    if layout.syntax in JPEG_2000:
        colour = layout.samples == 3
        return bytes(encode_array(
            np.ascontiguousarray(frame.astype(frame.dtype.newbyteorder("="))),
            bits_stored=layout.stored,
            photometric_interpretation=1 if colour else 2,
            use_mct=colour and layout.photometric in ("YBR_RCT", "YBR_ICT"),
        ))  # fmt: skip
    msg = f"{layout.syntax}:no-encoder"
    raise NotEncodable(msg)


def _unsigned(frame: Array, precision: int) -> Array:
    """The lowest ``precision`` bits of each sample."""
    kind = np.uint8 if frame.dtype.itemsize == 1 else np.uint16
    return np.ascontiguousarray((frame.astype(np.int64) & ((1 << precision) - 1)).astype(kind))
