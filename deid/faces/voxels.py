"""Stored numbers of DICOM pixel data: read frame by frame, changed in place, everything else bit for bit.

Native pixel data is mapped, never loaded whole. Compressed pixel data is decoded once into a native file in the
scratch folder; where a frame of it changes, that file becomes the new value, in Explicit VR Little Endian.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK
from numpy.typing import NDArray
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.pixels.utils import iter_pixels
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from deid.exceptions import QuarantineError
from deid.faces.frames import SERIES, Frame

sitk: Any = SimpleITK  # its functions carry no types

_PIXEL_DATA = 0x7FE00010
_FLOATS = (0x7FE00008, 0x7FE00009)
_DEFERRED = 4096
#: What pydicom and the codecs raise on pixels that they cannot give; anything else is a bug and shows as one.
_UNREADABLE = (
    AttributeError, EOFError, IndexError, InvalidDicomError, KeyError, NotImplementedError, OSError, RuntimeError,
    TypeError, ValueError,
)  # fmt: skip


@dataclass
class Source:
    """One file: its header and its stored words.

    Attributes:
        path: the original.
        header: attributes, pixel data deferred.
        words: where the native words are: file, offset; of the original or of the decoded copy.
        decoded: whether they are a decoded copy.
        swapped: whether words are big endian.
        out: new value, once a frame was changed.
    """

    path: Path
    header: Dataset
    words: tuple[Path, int]
    decoded: bool
    swapped: bool
    out: Path | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Unsigned words as they lie in the file."""
        size = int(self.header.BitsAllocated) // 8
        return np.dtype(f"{'>' if self.swapped else '<'}u{size}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Frames, rows, columns."""
        header = self.header
        return int(header.get("NumberOfFrames") or 1), int(header.Rows), int(header.Columns)

    def frame(self, index: int) -> NDArray[Any]:
        """The words of a frame as they are now, read only."""
        path, offset = self.words if self.out is None else (self.out, 0)
        count, rows, columns = self.shape
        mapped = np.memmap(path, dtype=self.dtype, mode="r", offset=offset, shape=(count, rows, columns))
        return np.asarray(mapped[index])

    def stored(self, index: int) -> NDArray[np.int32]:
        """The stored values of a frame: sign and position of the bits resolved."""
        return self.decode(self.frame(index))

    def decode(self, words: NDArray[Any]) -> NDArray[np.int32]:
        """Stored values of words."""
        bits, shift = self._bits
        values = (words.astype(np.int64) >> shift) & ((1 << bits) - 1)
        if int(self.header.PixelRepresentation):
            values = np.where(values >= 1 << (bits - 1), values - (1 << bits), values)
        return values.astype(np.int32)

    def encode(self, values: NDArray[Any]) -> NDArray[Any]:
        """Words of stored values; negative ones with their sign in all upper bits, as most readers expect."""
        bits, shift = self._bits
        signed = bool(int(self.header.PixelRepresentation))
        low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
        held = np.clip(values.astype(np.int64), low, high) << shift
        return (held & ((1 << 8 * self.dtype.itemsize) - 1)).astype(self.dtype)

    def padding(self) -> tuple[int, int] | None:
        """Stored values that mean "no sample here": lowest and highest."""
        value = self._number("PixelPaddingValue")
        if value is None:
            return None
        limit = self._number("PixelPaddingRangeLimit")
        other = value if limit is None else limit
        return min(value, other), max(value, other)

    def replace(self, index: int, words: NDArray[Any], scratch: Path) -> None:
        """Put new words in place of a frame's.

        Args:
            index: of the frame.
            words: as :meth:`frame` gives them, changed.
            scratch: folder for the new value.
        """
        if self.out is None:
            self.out = self._copy(scratch)
        with self.out.open("r+b") as stream:
            stream.seek(index * words.nbytes)
            stream.write(np.ascontiguousarray(words, dtype=self.dtype).tobytes())

    @property
    def _bits(self) -> tuple[int, int]:
        bits, high = int(self.header.BitsStored), int(self.header.HighBit)
        return bits, high + 1 - bits

    def _number(self, name: str) -> int | None:
        value = self.header.get(name)
        if value is None or value == "":
            return None
        return int.from_bytes(value, "little", signed=False) if isinstance(value, bytes) else int(value)

    def _copy(self, scratch: Path) -> Path:
        path, offset = self.words
        if self.decoded:
            return path
        count, rows, columns = self.shape
        size = count * rows * columns * self.dtype.itemsize
        target = scratch / f"face-{generate_uid(prefix=None)}.value"
        with path.open("rb") as original, target.open("wb") as copy:
            original.seek(offset)
            left = size
            while left:
                chunk = original.read(min(left, 1 << 20))
                if not chunk:
                    raise QuarantineError.of(SERIES, "truncated")
                copy.write(chunk)
                left -= len(chunk)
            if size % 2:
                copy.write(b"\0")
        return target


def open_source(path: Path, scratch: Path) -> Source:
    """Read a file's header and make its words reachable.

    Args:
        path: a DICOM file.
        scratch: folder for decoded pixel data.

    Raises:
        QuarantineError: ``face-not-decodable``.
    """
    try:
        header = pydicom.dcmread(path, defer_size=_DEFERRED)
        return _source(path, header, scratch)
    except _UNREADABLE as error:
        raise _undecodable(type(error).__name__) from None


def _source(path: Path, header: FileDataset, scratch: Path) -> Source:
    if any(tag in header for tag in _FLOATS):
        raise _undecodable(why="floating point pixels")
    if _PIXEL_DATA not in header:
        raise QuarantineError.of(SERIES, "no-pixel-data")
    if int(header.get("SamplesPerPixel", 1)) != 1:
        raise _undecodable(why="colour")
    if int(header.BitsAllocated) not in (8, 16, 32) or not 1 <= int(header.BitsStored) <= int(
        header.BitsAllocated
    ):
        raise _undecodable(why="bits")
    if not int(header.BitsStored) - 1 <= int(header.HighBit) < int(header.BitsAllocated):
        raise _undecodable(why="bits")
    syntax: UID = header.file_meta.TransferSyntaxUID
    if syntax.is_encapsulated:
        return Source(path, header, (_decode(path, header, scratch), 0), decoded=True, swapped=False)
    swapped = not syntax.is_little_endian
    if swapped and int(header.BitsAllocated) != 16:
        raise _undecodable(why="big endian bytes")
    raw: Any = header.get_item(_PIXEL_DATA)
    if syntax.is_deflated or not isinstance(raw, RawDataElement) or raw.value is not None:
        target = scratch / f"face-{generate_uid(prefix=None)}.value"
        target.write_bytes(header.PixelData)
        words, length = (target, 0), target.stat().st_size
        source = Source(path, header, words, decoded=True, swapped=swapped)
    else:
        words, length = (path, raw.value_tell), raw.length
        source = Source(path, header, words, decoded=False, swapped=swapped)
    expected = int(np.prod(source.shape)) * source.dtype.itemsize
    if length < expected or words[0].stat().st_size < words[1] + expected:
        raise QuarantineError.of(SERIES, "truncated")
    return source


def _decode(path: Path, header: FileDataset, scratch: Path) -> Path:
    """All frames of compressed pixel data as little endian words in a file."""
    target = scratch / f"face-{generate_uid(prefix=None)}.value"
    word = np.dtype(f"<u{int(header.BitsAllocated) // 8}")
    count = 0
    with target.open("wb") as stream:
        try:
            for plane in iter_pixels(path, raw=True):
                stream.write(plane.astype(plane.dtype.newbyteorder("<")).view(word).tobytes())
                count += 1
        except (AttributeError, NotImplementedError, RuntimeError, ValueError):
            if count:
                raise
            # No decoder of pydicom's: the toolkit behind SimpleITK knows every JPEG of the standard.
            planes = _decode_by_itk(header, scratch)
            stream.write(planes.astype(np.int64).astype(word).tobytes())
            count = len(planes)
        if stream.tell() % 2:
            stream.write(b"\0")
    if count != int(header.get("NumberOfFrames") or 1):
        raise _undecodable(why="fewer frames than declared")
    return target


def _decode_by_itk(header: FileDataset, scratch: Path) -> NDArray[Any]:
    """Stored values, frames x rows x columns, of a file that holds the pixels and no identity."""
    bare = Dataset()
    for name in (
        "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel",
        "PhotometricInterpretation", "NumberOfFrames", "PixelData",
    ):  # fmt: skip
        if name in header:
            bare[name] = header[name]
    bare.SOPClassUID, bare.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid(prefix=None)
    bare.file_meta = FileMetaDataset()
    bare.file_meta.TransferSyntaxUID = header.file_meta.TransferSyntaxUID
    file = scratch / f"face-{generate_uid(prefix=None)}.dcm"
    try:
        bare.save_as(file, enforce_file_format=True)
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(file))
        planes: NDArray[Any] = sitk.GetArrayFromImage(reader.Execute())
    finally:
        file.unlink(missing_ok=True)
    return planes.reshape(-1, int(header.Rows), int(header.Columns))


def physical(source: Source, frame: Frame, *, ct: bool) -> NDArray[np.float32]:
    """Physical values of a frame; what is padding in CT reads as air.

    Args:
        source: the file.
        frame: one of its frames.
        ct: values are Hounsfield units.
    """
    stored = source.stored(frame.index)
    values = stored.astype(np.float32) * np.float32(frame.slope) + np.float32(frame.intercept)
    if ct:
        np.clip(values, -1000, 3000, out=values)
    return np.asarray(np.nan_to_num(values), dtype=np.float32)


def syntax_of(source: Source) -> str | None:
    """Transfer syntax of a new value: None where it is the original's."""
    if source.header.file_meta.TransferSyntaxUID.is_encapsulated:
        return str(ExplicitVRLittleEndian)
    return None


def discard(sources: list[Source], scratch: Path) -> None:
    """Remove decoded copies that became no output."""
    for source in sources:
        if source.decoded and source.out is None and source.words[0].parent == scratch:
            source.words[0].unlink(missing_ok=True)


def clear(folder: Path) -> None:
    """Remove everything below a scratch folder, after a failure."""
    shutil.rmtree(folder, ignore_errors=True)


def _undecodable(why: str) -> QuarantineError:
    return QuarantineError.of(SERIES, "face-not-decodable", (why,))
