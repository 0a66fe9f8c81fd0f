"""The pixels of one object, frame by frame, without ever holding the whole file.

Native frames are read with ``pread`` at their offsets; encapsulated ones by an index of fragments made from the item
headers (PS3.5 A.4). A deflated data set is inflated into the scratch folder first, piece by piece.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filebase import DicomFileLike
from pydicom.filewriter import write_file_meta_info
from pydicom.tag import Tag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from deid.exceptions import QuarantineError

Array = np.ndarray[Any, np.dtype[Any]]

NATIVE = frozenset(
    {ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian}
)
TAGS: list[str | int] = [
    "SpecificCharacterSet", "ImageType", "SOPClassUID", "Modality", "Manufacturer", "ManufacturerModelName",
    "SeriesDescription", "CommentsOnRadiationDose", "ProtocolName", "WindowWidth", "SamplesPerPixel",
    "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows", "Columns", "BitsAllocated",
    "BitsStored", "HighBit", "PixelRepresentation", "BurnedInAnnotation", "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor", "BluePaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData", "GreenPaletteColorLookupTableData", "BluePaletteColorLookupTableData",
    "SequenceOfUltrasoundRegions", "ExtendedOffsetTable", "ExtendedOffsetTableLengths",
    *(0x60000102 + (group << 17) for group in range(16)),
]  # fmt: skip
ITEM, DELIMITER = (0xFFFE, 0xE000), (0xFFFE, 0xE0DD)
PIECE = 1 << 20


def unreadable(detail: str) -> QuarantineError:
    """The refusal of pixels that cannot be decoded; ``detail`` is a code or a syntax, never a value."""
    return QuarantineError.of("The object", "pixels-not-decodable", (detail,))


@dataclass(frozen=True)
class Layout:
    """How the samples of a frame lie; the names are those of PS3.3 C.7.6.3."""

    rows: int
    columns: int
    samples: int
    allocated: int
    stored: int
    high: int
    signed: bool
    planar: int
    photometric: str
    frames: int
    syntax: str

    @property
    def native(self) -> bool:
        """Whether the pixels are not encapsulated."""
        return self.syntax in NATIVE

    @property
    def area(self) -> int:
        """Pixels of one frame."""
        return self.rows * self.columns

    @property
    def halved(self) -> bool:
        """Whether native chroma has half the columns (PS3.3 C.7.6.3.1.2, the two 422 kinds)."""
        return self.native and self.photometric in ("YBR_FULL_422", "YBR_PARTIAL_422")

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of a sample as stored."""
        order = ">" if self.syntax == ExplicitVRBigEndian else "<"
        return np.dtype(f"{order}{'i' if self.signed else 'u'}{self.allocated // 8}")

    @property
    def frame_bytes(self) -> int:
        """Bytes of one native frame."""
        return self.rows * self.columns * (2 if self.halved else self.samples) * self.allocated // 8


class Source:
    """An open object: its layout, a few attributes, and its frames.

    Args:
        path: a DICOM file with Pixel Data.
        scratch: folder for the inflated copy of a deflated data set; removed on exit.

    Raises:
        QuarantineError: ``pixels-not-decodable`` with a detail.
    """

    def __init__(self, path: Path, scratch: Path) -> None:
        self._inflated: Path | None = None
        self._file = path.open("rb")
        try:
            self.header = self._read_header()
            self.syntax = str(self.header.file_meta.get("TransferSyntaxUID", ImplicitVRLittleEndian))
            if self.syntax == DeflatedExplicitVRLittleEndian:
                self._inflate(scratch)
            self.layout = self._layout()
            self.tag_at, self.start, self.length, self.vr = self._locate()
            self._check()
            self._index: list[list[tuple[int, int]]] = [] if self.layout.native else self._fragments()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and remove the inflated copy."""
        self._file.close()
        if self._inflated is not None:
            self._inflated.unlink(missing_ok=True)

    def _read_header(self) -> Dataset:
        try:
            return dcmread(self._file, stop_before_pixels=True, specific_tags=[Tag(tag) for tag in TAGS])
        except (
            InvalidDicomError,
            EOFError,
            ValueError,
            KeyError,
            NotImplementedError,
            OSError,
            struct.error,
            zlib.error,
        ) as error:
            raise unreadable(detail=f"header:{type(error).__name__}") from error

    def _inflate(self, scratch: Path) -> None:
        self._file.seek(0)
        meta_only = dcmread(self._file, stop_before_pixels=True, specific_tags=["SOPClassUID"]).file_meta
        self._file.seek(128 + 4)
        head = self._file.read(12)
        if head[:4] != b"\x02\x00\x00\x00":
            raise unreadable(detail="deflated:no-group-length")
        self._file.seek(128 + 4 + 12 + struct.unpack("<I", head[8:])[0])
        self._inflated = scratch / f"inflated-{os.getpid()}-{id(self)}.dcm"
        meta_only.TransferSyntaxUID = ExplicitVRLittleEndian
        stream = zlib.decompressobj(-zlib.MAX_WBITS)
        with self._inflated.open("wb") as out:
            out.write(bytes(128) + b"DICM")
            write_file_meta_info(DicomFileLike(out), meta_only, enforce_standard=False)
            while piece := self._file.read(PIECE):
                while piece:
                    out.write(stream.decompress(piece, PIECE))
                    piece = stream.unconsumed_tail
            out.write(stream.flush())
        self._file.close()
        self._file = self._inflated.open("rb")
        self.header = self._read_header()

    def _layout(self) -> Layout:
        try:
            header = self.header
            stored = int(header.BitsStored)
            return Layout(
                rows=int(header.Rows),
                columns=int(header.Columns),
                samples=int(header.get("SamplesPerPixel", 1)),
                allocated=int(header.BitsAllocated),
                stored=stored,
                high=int(header.get("HighBit", stored - 1)),
                signed=bool(header.get("PixelRepresentation", 0)),
                planar=int(header.get("PlanarConfiguration", 0) or 0),
                photometric=str(header.PhotometricInterpretation).strip(),
                frames=int(header.get("NumberOfFrames", 1) or 1),
                syntax=self.syntax,
            )
        except (AttributeError, TypeError, ValueError) as error:
            raise unreadable(detail=f"layout:{type(error).__name__}") from error

    def _locate(self) -> tuple[int, int, int, str]:
        """Offset of the Pixel Data tag, of its value, the value's length (to the end of the file where undefined), VR."""
        at = self._file.tell()
        order = ">" if self.syntax == ExplicitVRBigEndian else "<"
        head = os.pread(self._file.fileno(), 12, at)
        if len(head) < 12 or struct.unpack(order + "HH", head[:4]) != (0x7FE0, 0x0010):
            raise unreadable(detail="no-pixel-data")
        if self.syntax == ImplicitVRLittleEndian:
            vr, length, start = "OW", struct.unpack("<I", head[4:8])[0], at + 8
        else:
            vr, length, start = head[4:6].decode("latin-1"), struct.unpack(order + "I", head[8:])[0], at + 12
        size = os.fstat(self._file.fileno()).st_size
        return at, start, (size - start if length == 0xFFFFFFFF else length), vr

    def _check(self) -> None:
        layout = self.layout
        if (
            layout.allocated not in (8, 16, 32)
            or layout.samples not in (1, 3)
            or min(layout.rows, layout.columns) < 1
        ):
            raise unreadable(detail=f"layout:{layout.samples}x{layout.allocated}")
        if not 1 <= layout.stored <= layout.allocated or layout.frames < 1:
            raise unreadable(detail="layout:bits")
        if layout.high != layout.stored - 1:
            raise unreadable(detail="layout:high-bit")
        size = os.fstat(self._file.fileno()).st_size
        if layout.native and layout.frame_bytes * layout.frames > min(self.length, size - self.start):
            raise unreadable(detail="truncated")

    def _fragments(self) -> list[list[tuple[int, int]]]:
        """(offset, length) of the fragments of each frame."""
        items, at, end = [], self.start, self.start + self.length
        while at + 8 <= end:
            group, element, length = struct.unpack("<HHI", os.pread(self._file.fileno(), 8, at))
            if (group, element) == DELIMITER:
                break
            if (group, element) != ITEM or at + 8 + length > end:
                raise unreadable(detail="fragments")
            items.append((at + 8, length))
            at += 8 + length
        if not items:
            raise unreadable(detail="fragments")
        (table_at, table_length), pieces = items[0], items[1:]
        frames = self.layout.frames
        self.basic_table = table_length > 0
        if frames == 1:
            return [pieces]
        if len(pieces) == frames:
            return [[piece] for piece in pieces]
        first = pieces[0][0] - 8 if pieces else 0
        if table_length == 4 * frames:
            table = struct.unpack(f"<{frames}I", os.pread(self._file.fileno(), table_length, table_at))
        elif len(extended := self.header.get("ExtendedOffsetTable") or b"") == 8 * frames:
            table = struct.unpack(f"<{frames}Q", extended)
        else:
            return self._by_end_marker(pieces)
        starts = {offset: number for number, offset in enumerate(table)}
        index: list[list[tuple[int, int]]] = [[] for _ in range(frames)]
        number = -1
        for at, length in pieces:
            number = starts.get(at - 8 - first, number)
            if number < 0:
                raise unreadable(detail="offset-table")
            index[number].append((at, length))
        if not all(index):
            raise unreadable(detail="offset-table")
        return index

    def _by_end_marker(self, pieces: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
        """Frames end where a fragment ends with the end-of-image (JPEG) or end-of-codestream (J2K) marker, FFD9."""
        index: list[list[tuple[int, int]]] = [[]]
        for at, length in pieces:
            index[-1].append((at, length))
            tail = os.pread(self._file.fileno(), min(4, length), at + length - min(4, length))
            if b"\xff\xd9" in tail:
                index.append([])
        index.pop()
        if len(index) != self.layout.frames:
            raise unreadable(detail="frames")
        return index

    @property
    def embedded_overlay(self) -> bool:
        """Whether an overlay lies in unused bits of the pixels (retired, PS3.3 C.9.2 before 2004)."""
        tags = (0x60000102 + (group << 17) for group in range(16))
        return self.layout.native and any(self.header[tag].value for tag in tags if tag in self.header)

    def fragments(self, number: int) -> list[tuple[int, int]]:
        """(offset, length) in the file of a frame's pieces; one piece where native."""
        if self.layout.native:
            size = self.layout.frame_bytes
            return [(self.start + number * size, size)]
        return self._index[number]

    def read(self, number: int) -> bytes:
        """A frame's bytes as stored: native, or the joined fragments."""
        return b"".join(os.pread(self._file.fileno(), length, at) for at, length in self.fragments(number))

    def pread(self, length: int, at: int) -> bytes:
        """Bytes of the (inflated) file."""
        return os.pread(self._file.fileno(), length, at)
