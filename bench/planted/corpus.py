"""The planted corpus: patients with several studies, written in several transfer syntaxes, and its answer key."""

from __future__ import annotations

import datetime
import hashlib
import json
import random
import sqlite3
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    RLELossless,
)

from bench.planted import documents, objects
from bench.planted.key import Key, Row
from bench.planted.objects import Context
from bench.planted.people import Person, person
from bench.planted.phrases import PHRASES, Plant
from bench.planted.pixels import anatomy, burn, encapsulated, jpeg2000, jpeg_baseline, jpeg_lossless
from bench.planted.planting import add_identity, add_text
from bench.planted.private import add_private
from deid.scoring.values import read_output

#: Root of every original UID; nothing under it may be in an output.
ROOT = "1.2.826.0.1.3680043.10.9141."
Build = Callable[[Context], Dataset]
#: Study -> its series: (kind, builder, instances, vendors that may have made it).
STUDIES: dict[str, tuple[tuple[str, Build, int, tuple[str, ...]], ...]] = {
    "oncology CT": (
        ("CT", objects.ct, 9, ("GE", "SIEMENS", "PHILIPS", "TOSHIBA")),
        ("SEG", documents.seg, 1, ("GE",)),
        ("RTSTRUCT", documents.rtstruct, 1, ("SIEMENS",)),
        ("SR", documents.sr, 1, ("GE",)),
        ("KO", documents.kos, 1, ("GE",)),
        ("PR", documents.gsps, 1, ("AGFA",)),
    ),
    "radiotherapy": (
        ("CT", objects.ct, 6, ("SIEMENS", "GE", "PHILIPS")),
        ("RTSTRUCT", documents.rtstruct, 1, ("PHILIPS",)),
        ("RTPLAN", documents.rtplan, 1, ("SIEMENS",)),
        ("RTDOSE", documents.rtdose, 1, ("SIEMENS",)),
    ),
    "MR": (
        ("MR", objects.mr, 8, ("SIEMENS", "GE", "PHILIPS")),
        ("MR", objects.enhanced_mr, 1, ("PHILIPS",)),
        ("SEG", documents.seg, 1, ("PHILIPS",)),
        ("SR", documents.sr, 1, ("SIEMENS",)),
    ),
    "PET": (
        ("CT", objects.ct, 4, ("SIEMENS", "GE")),
        ("PT", objects.pt, 6, ("SIEMENS", "GE", "PHILIPS")),
    ),
    "radiography": (
        ("CR", objects.cr, 2, ("AGFA", "FUJI")),
        ("DX", objects.dx, 2, ("FUJI", "PHILIPS")),
    ),
    "mammography": (("MG", objects.mg, 4, ("HOLOGIC", "GE")),),
    "ultrasound": (
        ("US", objects.us, 3, ("PHILIPS", "GE", "SIEMENS")),
        ("US", objects.us_cine, 1, ("GE", "SIEMENS")),
    ),
    "angiography": (
        ("XA", objects.xa, 2, ("SIEMENS", "PHILIPS")),
        ("RF", objects.rf, 1, ("SIEMENS", "TOSHIBA")),
    ),
    "nuclear medicine": (("NM", objects.nm, 1, ("SIEMENS", "GE")), ("OT", objects.sc, 1, ("GE", "PHILIPS"))),
    "cardiology": (("ECG", documents.ecg, 1, ("GE", "PHILIPS")), ("DOC", documents.pdf, 1, ("GE",))),
    "enhanced CT": (("CT", objects.enhanced_ct, 1, ("TOSHIBA", "SIEMENS")), ("SR", documents.sr, 1, ("GE",))),
}
#: Builders whose pictures may carry typed text, and the size that text needs.
_BURNED: dict[Build, tuple[int, int]] = {
    objects.us: (240, 320),
    objects.sc: (240, 320),
    objects.cr: (260, 240),
    objects.us_cine: (200, 300),
    objects.xa: (220, 300),
}
SYNTAXES = (
    (ExplicitVRLittleEndian, 46),
    (ImplicitVRLittleEndian, 20),
    (ExplicitVRBigEndian, 5),
    (DeflatedExplicitVRLittleEndian, 5),
    (RLELossless, 10),
    (JPEGLosslessSV1, 8),
    (JPEG2000Lossless, 6),
)


@dataclass
class Corpus:
    """A written corpus.

    Attributes:
        folder: ``originals/``, ``answers.db``, ``answers.json`` is not written, ``secrets.json``.
        modalities: instances by modality.
        actions: answers by action.
    """

    folder: Path
    instances: int = 0
    modalities: dict[str, int] = field(default_factory=dict)
    actions: dict[str, int] = field(default_factory=dict)
    syntaxes: dict[str, int] = field(default_factory=dict)

    @property
    def originals(self) -> Path:
        """The folder of originals."""
        return self.folder / "originals"

    @property
    def answers(self) -> Path:
        """The answer key."""
        return self.folder / "answers.db"

    @property
    def secrets(self) -> Path:
        """SOP Instance UID -> strings that must be in no byte of its output."""
        return self.folder / "secrets.json"


def generate(folder: Path, seed: int, patients: int) -> Corpus:
    """Write a corpus.

    Args:
        folder: new, or holding an earlier corpus of the same seed.
        seed: the same seed and number of patients give the same files.
        patients: about 28 instances each.
    """
    corpus = Corpus(folder)
    corpus.originals.mkdir(parents=True, exist_ok=True)
    secrets: dict[str, list[str]] = {}
    corpus.answers.unlink(missing_ok=True)
    with closing(sqlite3.connect(corpus.answers)) as database:
        database.execute(
            "CREATE TABLE answer_data (SOPInstanceUID TEXT, StudyInstanceUID TEXT, SeriesInstanceUID TEXT, "
            "PatientID TEXT, Modality TEXT, SOPClassUID TEXT, AnswerData TEXT)"
        )
        for number in range(patients):
            for file, ds, rows, hidden in _patient(corpus, random.Random(f"{seed} {number}"), number):
                identifiers = (
                    "SOPInstanceUID",
                    "StudyInstanceUID",
                    "SeriesInstanceUID",
                    "PatientID",
                    "Modality",
                )
                columns = [str(ds[name].value) for name in (*identifiers, "SOPClassUID")]
                answers = json.dumps({str(index): row for index, row in enumerate(rows)})
                database.execute("INSERT INTO answer_data VALUES (?,?,?,?,?,?,?)", [*columns, answers])
                secrets[str(ds.SOPInstanceUID)] = hidden
                _count(corpus, ds, rows, file)
        database.commit()
    corpus.secrets.write_text(json.dumps(secrets, ensure_ascii=False))
    return corpus


def _count(corpus: Corpus, ds: Dataset, rows: list[Row], _file: Path) -> None:
    corpus.instances += 1
    modality = str(ds.Modality)
    corpus.modalities[modality] = corpus.modalities.get(modality, 0) + 1
    syntax = str(ds.file_meta.TransferSyntaxUID.name)
    corpus.syntaxes[syntax] = corpus.syntaxes.get(syntax, 0) + 1
    for row in rows:
        action = str(row["action"]).strip("<>")
        corpus.actions[action] = corpus.actions.get(action, 0) + 1


def _patient(
    corpus: Corpus, rng: random.Random, number: int
) -> Iterator[tuple[Path, Dataset, list[Row], list[str]]]:
    who = person(rng, number)
    day = datetime.date(2016, 1, 5) + datetime.timedelta(days=rng.randrange(900))
    kinds = list(STUDIES)
    first = kinds[number % len(kinds)]
    others = rng.sample([kind for kind in kinds if kind != first], 2)
    for kind in (first, *others):
        yield from _study(corpus, rng, who, kind, day)
        day += datetime.timedelta(days=rng.randrange(3, 400))


def _study(
    corpus: Corpus, rng: random.Random, who: Person, kind: str, day: datetime.date
) -> Iterator[tuple[Path, Dataset, list[Row], list[str]]]:
    counter = iter(range(10**6))
    stem = hashlib.sha256(f"{who.mrn}{who.pn}{kind}{day}{rng.random()}".encode()).hexdigest()

    def new_uid() -> str:
        return f"{ROOT}{int(stem[:12], 16)}.{next(counter) + 1}"

    study_uid, frame = new_uid(), new_uid()
    clock = f"{rng.randrange(24):02d}{rng.randrange(60):02d}{rng.randrange(60):02d}"
    accession = f"ACC{rng.randrange(10**6, 10**7)}"
    references: dict[str, list[Dataset]] = {}
    shared: dict[str, Plant] = {}
    series = list(STUDIES[kind])
    if kind == "enhanced CT":  # its report speaks about a plain CT slice
        series.insert(0, ("CT", objects.ct, 2, ("TOSHIBA", "SIEMENS")))
    for index, (name, build, count, vendors) in enumerate(series, start=1):
        vendor, series_uid = rng.choice(vendors), new_uid()
        syntax = rng.choices([one for one, _ in SYNTAXES], [weight for _, weight in SYNTAXES])[0]
        text_in_pixels = build in _BURNED and rng.random() < 0.4
        for instance in range(1, count + 1):
            context = Context(
                rng=rng, who=who, vendor=vendor, study_uid=study_uid, day=day, time=clock, accession=accession,
                study_id=f"ST{accession[-4:]}", series_uid=series_uid, series_number=index, number=instance,
                sop_uid=new_uid(), frame_of_reference=frame, new_uid=new_uid, references=references,
                implicit=syntax == ImplicitVRLittleEndian,
            )  # fmt: skip
            ds = build(context)
            plants = add_text(context, ds, shared)
            add_identity(context, ds)
            private = add_private(context, ds, str(ds.Modality), plants)
            if text_in_pixels:
                _write_in_pixels(context, ds, *_BURNED[build])
            folder = corpus.originals / f"{who.mrn}" / stem[:8]
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / f"{index:02d}{instance:03d}.dcm"
            _write(
                context, ds, file, syntax, lossy=text_in_pixels and build is objects.us and rng.random() < 0.5
            )
            output = read_output(file)
            if output is None:
                msg = f"{file} cannot be read back"
                raise RuntimeError(msg)
            rows = Key(output, plants, private, context.burned, rng).rows()
            hidden = [
                *(text for text in who.secrets() if not _is_word(text)),
                accession,
                ROOT,
                *(
                    text for text in _said(plants) if not _is_word(text)
                ),  # "Long" is also in PS3.16's "Longitudinal"
            ]
            references.setdefault(name, []).append(ds)
            yield file, ds, rows, hidden


def _is_word(text: str) -> bool:
    """Whether a name is also a word of some clinical phrase, so that its bytes tell nothing."""
    return any(text.lower() in phrase.lower() for phrases in PHRASES.values() for phrase in phrases)


def _said(plants: dict[str, Plant]) -> list[str]:
    return [text for one in plants.values() for text, _ in one.gone]


def _write_in_pixels(c: Context, ds: Dataset, rows: int, columns: int) -> None:
    """Replace the picture by a bigger one with typed text: name, ID, date, place."""
    name = f"{c.who.family.upper()} {c.who.given[:1]}" if c.who.family.isascii() else f"PAT {c.who.mrn}"
    lines = [name, f"ID {c.who.mrn}", c.day.strftime("%d/%m/%Y"), c.who.hospital.split()[0].upper()]
    lines = c.rng.sample(lines, c.rng.randrange(2, 5))
    top = (1 << int(ds.BitsStored)) - 1
    generator = c.numpy
    picture = anatomy(generator, rows, columns, top)
    if ds.SamplesPerPixel == 3:
        picture = np.repeat(picture[..., None], 3, axis=2)
    picture, c.burned = burn(picture, lines, generator, top)
    colour = str(ds.PhotometricInterpretation)
    if "NumberOfFrames" in ds:
        frames = int(ds.NumberOfFrames)
        noise = generator.integers(0, 3, (frames, *picture.shape), dtype=np.uint16)
        picture = np.clip(picture[None].astype(np.int32) + noise, 0, top).astype(picture.dtype)
    objects.pixels(ds, picture, bits=int(ds.BitsStored), signed=False, colour=colour)
    ds.BurnedInAnnotation = "YES"


def _write(c: Context, ds: Dataset, file: Path, syntax: str, *, lossy: bool) -> None:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    syntax = _encode(ds, syntax, lossy=lossy)
    ds.file_meta.TransferSyntaxUID = syntax
    preamble = None
    if c.rng.random() < 0.3:
        ds.file_meta.SourceApplicationEntityTitle = f"AE{c.who.station}"[:16]
        ds.file_meta.PrivateInformationCreatorUID = c.new_uid()
        ds.file_meta.PrivateInformation = c.who.mrn.encode().ljust(32, b" ")
        preamble = f"{c.who.mrn} {c.who.ssn}".encode().ljust(128, b"\0")
    if c.rng.random() < 0.2:
        ds.add_new(0xFFFCFFFC, "OB", f"{c.who.mrn} {c.who.hospital} ".encode().ljust(64, b"\0"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names outside a narrow character set; values of the vendors' own
        ds.preamble = preamble
        dcmwrite(file, ds, enforce_file_format=True)
    if preamble is not None:
        raw = file.read_bytes()
        file.write_bytes(preamble + raw[128:])


def _encode(ds: Dataset, syntax: str, *, lossy: bool) -> str:
    """Encode the pixel data; returns the syntax that fits the object."""
    if "PixelData" not in ds or ds.BitsAllocated == 1:
        return (
            syntax
            if syntax not in (RLELossless, JPEGLosslessSV1, JPEG2000Lossless)
            else ExplicitVRLittleEndian
        )
    if syntax == ExplicitVRBigEndian:
        if ds.BitsAllocated == 16:
            ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
        return syntax
    frames = _frames(ds)
    if lossy and ds.SamplesPerPixel == 3:
        ds.PixelData = encapsulated([jpeg_baseline(frame) for frame in frames])
        ds.PhotometricInterpretation, ds.LossyImageCompression = "YBR_FULL_422", "01"
        ds["PixelData"].VR = "OB"
        return JPEGBaseline8Bit
    if syntax == RLELossless:
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.compress(RLELossless, generate_instance_uid=False)
        return syntax
    if ds.PixelRepresentation == 1 or ds.SamplesPerPixel == 3:
        return ExplicitVRLittleEndian if syntax in (JPEGLosslessSV1, JPEG2000Lossless) else syntax
    if syntax == JPEGLosslessSV1:
        ds.PixelData = encapsulated([jpeg_lossless(frame, int(ds.BitsStored)) for frame in frames])
    elif syntax == JPEG2000Lossless:
        ds.PixelData = encapsulated([jpeg2000(frame) for frame in frames])
    else:
        return syntax
    ds["PixelData"].VR = "OB"
    return syntax


def _frames(ds: Dataset) -> list[np.ndarray]:
    count = int(ds.get("NumberOfFrames", 1) or 1)
    dtype = np.uint8 if ds.BitsAllocated == 8 else np.uint16
    shape = (count, ds.Rows, ds.Columns) + ((3,) if ds.SamplesPerPixel == 3 else ())
    size = int(np.prod(shape))
    return list(np.frombuffer(ds.PixelData, dtype)[:size].reshape(shape))
