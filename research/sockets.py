"""Typed sockets and the two folders of a case, as Grand Challenge lays them out.

A *socket* names one input or output of an algorithm: its kind, where it lies below ``/input`` or ``/output``
and, for values, a JSON schema. This module writes a case's ``/input`` (``inputs.json`` and one path per
socket) and reads an ``/output`` folder that untrusted code has written: nothing in it is followed
or believed unchecked.

Source: https://github.com/comic/grand-challenge.org, ``app/grandchallenge/components`` (models, serializers).
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

import jsonschema
import referencing
import SimpleITK

from research.errors import AlgorithmError, StepError

sitk: Any = SimpleITK  # its functions carry no types

SUPER_KINDS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("Image", "Segmentation", "Heat Map", "Displacement Field"), "Image"),
        **dict.fromkeys(("PDF file", "CSV file", "ZIP file", "OBJ file", "Thumbnail jpg"), "File"),
        **dict.fromkeys(("Anything", "String", "Integer", "Float", "Bool"), "Value"),
    }
)
"""Super kind (Image, File or Value) of every kind that is understood here."""

_KIND_SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "String": {"type": "string"},
    "Integer": {"type": "integer"},
    "Float": {"type": "number"},
    "Bool": {"type": "boolean"},
}
_IMAGE_SUFFIXES = (".mha", ".tif", ".tiff")
_MAX_VALUE_BYTES = 16 * 2**20
_MAX_MHA_HEADER = 16 * 2**10
_BLOCK = 2**20


@dataclass(frozen=True)
class Socket:
    """One typed input or output.

    Attributes:
        slug: stable name, e.g. ``lung-mask``.
        title: for people.
        kind: a Grand Challenge kind, e.g. ``Segmentation`` or ``Float``.
        relative_path: folder (images) or file (values, files) below ``/input`` or ``/output``.
        schema: JSON schema of a value, beyond what the kind says; empty for other kinds.
        description: one sentence, units included.

    Raises:
        AlgorithmError: unknown kind, or a path that leaves the folder.
    """

    slug: str
    title: str
    kind: str
    relative_path: str
    schema: Mapping[str, Any] = field(default_factory=dict, hash=False)
    description: str = ""

    def __post_init__(self) -> None:
        path = PurePosixPath(self.relative_path)
        if self.kind not in SUPER_KINDS:
            reason = f"Socket {self.slug} has the unknown kind {self.kind!r}."
            raise AlgorithmError(reason, f"Use one of: {', '.join(SUPER_KINDS)}.")
        if path.is_absolute() or ".." in path.parts or not path.parts or str(path) == "inputs.json":
            reason = f"Socket {self.slug} has the relative path {self.relative_path!r}."
            raise AlgorithmError(reason, "Use a path below the folder that is not inputs.json.")
        try:
            jsonschema.Draft202012Validator.check_schema(dict(self.schema))
        except jsonschema.SchemaError as error:
            reason = f"Socket {self.slug} has a malformed JSON schema: {error.message}."
            raise AlgorithmError(reason, "Mend the schema (JSON Schema draft 2020-12).") from error

    @property
    def super_kind(self) -> str:
        """``Image``, ``File`` or ``Value``: decides how the socket lies on disk."""
        return SUPER_KINDS[self.kind]

    def describe(self, number: int) -> dict[str, Any]:
        """The socket as ``inputs.json`` shows it."""
        return {
            "title": self.title,
            "description": self.description,
            "slug": self.slug,
            "kind": self.kind,
            "pk": number,
            "default_value": None,
            "super_kind": self.super_kind,
            "relative_path": self.relative_path,
            "overlay_segments": [],
            "look_up_table": None,
        }


SOCKETS: Mapping[str, Socket] = MappingProxyType(
    {
        socket.slug: socket
        for socket in (
            Socket("ct-image", "CT image", "Image", "images/ct", description="CT volume in HU."),
            Socket(
                "denoised-ct",
                "Denoised CT",
                "Image",
                "images/denoised-ct",
                description="CT volume in HU, noise reduced.",
            ),
            Socket(
                "lung-mask",
                "Lung mask",
                "Segmentation",
                "images/lung-mask",
                description="1 right lung, 2 left lung, 0 elsewhere; airways outside the lungs left out.",
            ),
            Socket(
                "emphysema-mask",
                "Emphysema mask",
                "Segmentation",
                "images/emphysema-mask",
                description="1 where lung is called emphysema, 0 elsewhere.",
            ),
            Socket(
                "emphysema-fraction",
                "Emphysema fraction",
                "Float",
                "emphysema-fraction.json",
                schema={"type": "number", "minimum": 0, "maximum": 1},
                description="Emphysema volume as a fraction of lung volume.",
            ),
        )
    }
)
"""The sockets of the shipped algorithms, by slug."""


@dataclass(frozen=True)
class Output:
    """One checked output of a case.

    Attributes:
        slug: the socket.
        path: the file, relative to the output folder.
        sha256: of the file's bytes.
        value: the JSON value of a Value socket, else None.
    """

    slug: str
    path: str
    sha256: str
    value: Any = None


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def value_sha256(value: Any) -> str:
    """SHA-256 of a JSON value in canonical form (sorted keys, no blanks)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def hash_inputs(sockets: Sequence[Socket], case: Mapping[str, Any]) -> dict[str, str]:
    """SHA-256 per input slug: of the file's bytes, or of the value's canonical JSON.

    Raises:
        StepError: ``missing-input``.
    """
    hashes: dict[str, str] = {}
    for socket in sockets:
        given = _given(socket, case)
        hashes[socket.slug] = (
            value_sha256(given) if socket.super_kind == "Value" else file_sha256(Path(given))
        )
    return hashes


def write_inputs(folder: Path, sockets: Sequence[Socket], case: Mapping[str, Any]) -> dict[str, str]:
    """Lay out a case's ``/input`` folder.

    Args:
        folder: made here; must not exist.
        sockets: the algorithm's inputs.
        case: per slug a path (image and file sockets) or a JSON value (value sockets).

    Returns:
        SHA-256 per slug: of the file's bytes, or of the value's canonical JSON.

    Raises:
        StepError: ``missing-input`` or ``schema-violation``.
    """
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    hashes: dict[str, str] = {}
    entries: list[dict[str, Any]] = []
    for number, socket in enumerate(sorted(sockets, key=lambda socket: socket.slug), start=1):
        given = _given(socket, case)
        entry: dict[str, Any] = {"socket": socket.describe(number), "interface": socket.describe(number)}
        entry |= {"value": None, "file": None, "image": None, "pk": number}
        target = folder / socket.relative_path
        if socket.super_kind == "Value":
            check_value(socket, given)
            _make_folder(target.parent, folder)
            target.write_text(json.dumps(given, allow_nan=False))
            entry["value"], hashes[socket.slug] = given, value_sha256(given)
        else:
            source = Path(given)
            if socket.super_kind == "Image":
                target = target / f"{socket.slug}{source.suffix}"
            _make_folder(target.parent, folder)
            shutil.copyfile(source, target)
            # Hashed after the copy: these are the bytes that the algorithm will see.
            hashes[socket.slug] = file_sha256(target)
            if socket.super_kind == "Image":
                pk = str(uuid.uuid5(uuid.NAMESPACE_OID, hashes[socket.slug]))
                entry["image"] = {"pk": pk, "name": target.name}
            else:
                entry["file"] = socket.relative_path
        target.chmod(0o444)
        entries.append(entry)
    index = folder / "inputs.json"
    index.write_text(json.dumps(entries, indent=1, allow_nan=False))
    index.chmod(0o444)
    return hashes


def read_outputs(folder: Path, sockets: Sequence[Socket]) -> dict[str, Output]:
    """Check an ``/output`` folder against the sockets it owes.

    Files that belong to no socket are ignored, as Grand Challenge does. Links are never followed.

    Raises:
        StepError: ``missing-output``, ``too-many-files``, ``schema-violation`` or ``unreadable-output``.
    """
    outputs: dict[str, Output] = {}
    for socket in sockets:
        path = _owed_file(folder, socket)
        value = _read_value(socket, path) if socket.super_kind == "Value" else None
        if socket.super_kind == "Image":
            _check_image(socket, path)
        outputs[socket.slug] = Output(
            socket.slug, path.relative_to(folder).as_posix(), file_sha256(path), value
        )
    return outputs


def check_value(socket: Socket, value: Any) -> None:
    """Check a JSON value against the socket's kind and schema.

    Raises:
        StepError: ``schema-violation``.
    """
    if not _finite(value):
        raise _violation(socket, "holds NaN or an infinity, which JSON does not have")
    for schema in (_KIND_SCHEMAS.get(socket.kind, {}), socket.schema):
        validator = jsonschema.Draft202012Validator(dict(schema), registry=referencing.Registry())
        error = jsonschema.exceptions.best_match(validator.iter_errors(value))
        if error is not None:
            raise _violation(socket, f"does not fit its schema: {error.message[:200]}")


def _given(socket: Socket, case: Mapping[str, Any]) -> Any:
    if socket.slug not in case:
        reason = f"The case has no input {socket.slug}."
        raise StepError(
            reason, "Connect the socket to the cohort or to an earlier step.", code="missing-input"
        )
    given = case[socket.slug]
    if socket.super_kind != "Value" and not Path(given).is_file():
        reason = f"The file of the input {socket.slug} does not exist."
        raise StepError(reason, "Run the step that writes it again.", code="missing-input")
    return given


def _make_folder(path: Path, top: Path) -> None:
    """Make ``path`` below ``top``, readable for the container's user whatever the umask is."""
    path.mkdir(parents=True, exist_ok=True)
    while path != top:
        path.chmod(0o755)
        path = path.parent


def _owed_file(folder: Path, socket: Socket) -> Path:
    """The one regular file of an output socket, reached without following a link."""
    path = folder / socket.relative_path
    for step in [*reversed(path.relative_to(folder).parents), path.relative_to(folder)]:
        if (folder / step).is_symlink():
            raise _unreadable(socket, "is a link")
    if socket.super_kind != "Image":
        if not path.is_file():
            raise _missing(socket)
        return path
    found = sorted(path.iterdir()) if path.is_dir() else []
    images = [file for file in found if file.suffix.lower() in _IMAGE_SUFFIXES]
    if not images:
        raise _missing(socket)
    if len(images) > 1:
        reason = f"The output {socket.slug} holds {len(images)} images; it must hold one."
        raise StepError(
            reason, f"Let the algorithm write one image to {socket.relative_path}.", code="too-many-files"
        )
    if images[0].is_symlink() or not images[0].is_file():
        raise _unreadable(socket, "is not a plain file")
    return images[0]


def _read_value(socket: Socket, path: Path) -> Any:
    if path.stat().st_size > _MAX_VALUE_BYTES:
        raise _violation(socket, f"is larger than {_MAX_VALUE_BYTES // 2**20} MiB")
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise _violation(socket, "is not JSON") from None
    check_value(socket, value)
    return value


def _check_image(socket: Socket, path: Path) -> None:
    """The image parses, keeps its voxels in its own file, and a segmentation holds whole numbers."""
    if path.suffix.lower() == ".mha":
        with path.open("rb") as stream:
            header = stream.read(_MAX_MHA_HEADER)
        # A header may name another file for its voxels: on our side of the sandbox that reads anything.
        places = [
            line for line in header.split(b"\n") if line.replace(b" ", b"").startswith(b"ElementDataFile=")
        ]
        if not places or places[0].split(b"=")[1].strip() != b"LOCAL":
            raise _unreadable(socket, "does not hold its own voxels")
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        raise _unreadable(socket, "is not an image that can be read") from None
    if socket.kind == "Segmentation" and reader.GetPixelID() in (sitk.sitkFloat32, sitk.sitkFloat64):
        raise _violation(socket, "holds fractions where labels are expected")


def _finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(_finite(item) for item in value.values())
    if isinstance(value, list):
        return all(_finite(item) for item in value)
    return True


def _missing(socket: Socket) -> StepError:
    reason = f"The algorithm ended well but wrote no output {socket.slug}."
    return StepError(reason, f"Let it write to /output/{socket.relative_path}.", code="missing-output")


def _violation(socket: Socket, what: str) -> StepError:
    instruction = f"Correct what is written to {socket.relative_path}."
    return StepError(f"The value of {socket.slug} {what}.", instruction, code="schema-violation")


def _unreadable(socket: Socket, what: str) -> StepError:
    instruction = f"Write one plain file to /output/{socket.relative_path}."
    return StepError(f"The output {socket.slug} {what}.", instruction, code="unreadable-output")
