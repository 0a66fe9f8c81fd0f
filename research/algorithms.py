"""Algorithm descriptors: what a model folder says about itself, its digest, and whether two sockets fit.

A model folder holds ``algorithm.json``, ``run.py`` and ``Dockerfile``
(``docs/reference/algorithm-contract.md``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from research.errors import AlgorithmError
from research.sockets import SOCKETS, Socket, value_sha256

DESCRIPTOR = "algorithm.json"
HELPER = "radflow_model"
_REQUIRED = ("name", "title", "version", "summary", "inputs", "outputs", "resources")
_KEYS = (
    *_REQUIRED,
    "method",
    "licence",
    "api_method",
    "uses_and_directions",
    "warnings",
    "sockets",
    "entry_point",
    "image",
)


@dataclass(frozen=True)
class Resources:
    """What one case may use; also the hard limits of the sandbox.

    Attributes:
        memory_mb: MiB.
        cpus: cores.
        gpus: whole devices.
        time_limit_s: seconds from start to end.
    """

    memory_mb: int = 2048
    cpus: float = 1.0
    gpus: int = 0
    time_limit_s: float = 3600.0

    def __post_init__(self) -> None:
        if self.memory_mb <= 0 or self.cpus <= 0 or self.gpus < 0 or self.time_limit_s <= 0:
            reason = f"Resources {self} are not positive."
            raise AlgorithmError(reason, "Give memory_mb, cpus and time_limit_s above 0, gpus 0 or more.")


@dataclass(frozen=True)
class Algorithm:
    """One version of one algorithm, as its folder describes it.

    Attributes:
        name: stable name, also of the image ``radflow/<name>:<version>``.
        inputs: sockets that a case must fill.
        outputs: sockets that the algorithm owes.
        folder: where ``run.py`` lies, for the process runtime.
        image: image reference, for engines.
        api_method: ``exec`` (one start per case); ``invoke`` is refused by this version.
    """

    name: str
    title: str
    version: str
    summary: str
    inputs: tuple[Socket, ...]
    outputs: tuple[Socket, ...]
    resources: Resources
    folder: Path
    image: str
    entry_point: str = "run.py"
    api_method: str = "exec"
    method: str = ""
    licence: str = ""
    uses_and_directions: str = ""
    warnings: tuple[str, ...] = ()
    helpers: tuple[Path, ...] = field(default=(), repr=False)

    @cached_property
    def digest(self) -> str:
        """``sha256:`` digest of the source, which identifies the version where there is no image digest."""
        return source_digest(self.folder, *self.helpers)

    def input(self, slug: str) -> Socket:
        """The input socket ``slug``; AlgorithmError where there is none."""
        return _pick(self, self.inputs, slug, "input")

    def output(self, slug: str) -> Socket:
        """The output socket ``slug``; AlgorithmError where there is none."""
        return _pick(self, self.outputs, slug, "output")


def load_algorithm(folder: Path) -> Algorithm:
    """Read and check one model folder.

    Raises:
        AlgorithmError: no descriptor, a missing or unknown field, an unknown socket, no entry point.
    """
    path = folder / DESCRIPTOR
    try:
        data = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        reason = f"{path} is missing or not JSON."
        raise AlgorithmError(reason, "Copy the descriptor of a shipped model and change it.") from error
    missing = [key for key in _REQUIRED if key not in data]
    unknown = sorted(set(data) - set(_KEYS))
    if missing or unknown:
        reason = f"{path}: missing fields {missing}, unknown fields {unknown}."
        raise AlgorithmError(reason, f"A descriptor has the fields {', '.join(_KEYS)}.")
    api_method = data.get("api_method", "exec")
    if api_method not in ("exec", "invoke"):
        reason = f"{path}: api_method is {api_method!r}."
        raise AlgorithmError(reason, "Use exec or invoke.")
    if api_method == "invoke":
        reason = f"{path}: the invoke mode cannot be run by this version."
        raise AlgorithmError(reason, "Offer the same model with api_method exec: one start per case.")
    own = _own_sockets(path, data.get("sockets", []))
    algorithm = Algorithm(
        name=data["name"],
        title=data["title"],
        version=data["version"],
        summary=data["summary"],
        inputs=_sockets(path, data["inputs"], own),
        outputs=_sockets(path, data["outputs"], own),
        resources=_resources(path, data["resources"]),
        folder=folder.resolve(),
        image=data.get("image", f"radflow/{data['name']}:{data['version']}"),
        entry_point=data.get("entry_point", "run.py"),
        api_method=api_method,
        method=data.get("method", ""),
        licence=data.get("licence", ""),
        uses_and_directions=data.get("uses_and_directions", ""),
        warnings=tuple(data.get("warnings", ())),
        helpers=tuple(place for place in (_helper(folder),) if place is not None),
    )
    if not (folder / algorithm.entry_point).is_file():
        reason = f"{folder} has no {algorithm.entry_point}."
        raise AlgorithmError(reason, "Add the entry point, or name it in algorithm.json.")
    return algorithm


def load_algorithms(root: Path | None = None) -> dict[str, Algorithm]:
    """All model folders below ``root`` (default: the shipped ones), by name.

    Raises:
        AlgorithmError: a malformed folder, two folders of one name, or no folder at all.
    """
    place = root if root is not None else models_root()
    found: dict[str, Algorithm] = {}
    for descriptor in sorted(place.glob(f"*/{DESCRIPTOR}")):
        algorithm = load_algorithm(descriptor.parent)
        if algorithm.name in found:
            reason = f"Two folders below {place} describe the algorithm {algorithm.name}."
            raise AlgorithmError(reason, "Give each its own name.")
        found[algorithm.name] = algorithm
    if not found:
        reason = f"No algorithm is described below {place}."
        raise AlgorithmError(reason, f"Point to a folder of model folders, each with its {DESCRIPTOR}.")
    return found


def models_root() -> Path:
    """The shipped models: ``docker/models`` of a checkout, else the copy inside the installed package."""
    here = Path(__file__).resolve().parent
    checkout = here.parent / "docker" / "models"
    return checkout if checkout.is_dir() else here / "_models"


def source_digest(folder: Path, *more: Path) -> str:
    """``sha256:`` over the sorted relative paths and bytes of all files, bytecode left out.

    Args:
        folder: the model folder.
        more: further folders whose code the model imports.
    """
    digest = hashlib.sha256()
    for place in (folder, *more):
        for path in sorted(file for file in place.rglob("*") if file.is_file()):
            relative = path.relative_to(place)
            if "__pycache__" in relative.parts:
                continue
            content = path.read_bytes()
            digest.update(f"{relative.as_posix()}\0{len(content)}\0".encode())
            digest.update(content)
    return f"sha256:{digest.hexdigest()}"


def misfit(source: Socket, target: Socket) -> str | None:
    """Why an edge from ``source`` to ``target`` cannot carry data, as one sentence; None where it can.

    The kinds must be the same (a mask is not a CT), except that ``Float`` takes a whole number
    and ``Anything`` takes every value.
    """
    widening = {("Integer", "Float")} | {
        (kind, "Anything") for kind in ("String", "Integer", "Float", "Bool")
    }
    if source.kind == target.kind or (source.kind, target.kind) in widening:
        return None
    return f"{source.slug} is of kind {source.kind}, but {target.slug} takes {target.kind}."


def fits(source: Socket, target: Socket) -> bool:
    """Whether an edge from ``source`` to ``target`` can carry data; ``misfit`` says why not."""
    return misfit(source, target) is None


def fingerprint(digest: str, input_hashes: Mapping[str, str], params: Mapping[str, Any] | None = None) -> str:
    """Key under which a step's result may be reused: same code, same inputs, same parameters.

    Args:
        digest: image or source digest of the algorithm.
        input_hashes: SHA-256 per input slug.
        params: further settings that may change the result; JSON values.

    Returns:
        64 hexadecimal digits.
    """
    return value_sha256({"algorithm": digest, "inputs": dict(input_hashes), "parameters": dict(params or {})})


def _pick(algorithm: Algorithm, sockets: tuple[Socket, ...], slug: str, what: str) -> Socket:
    for socket in sockets:
        if socket.slug == slug:
            return socket
    reason = f"{algorithm.name} has no {what} {slug}."
    raise AlgorithmError(reason, f"Its {what}s are {', '.join(socket.slug for socket in sockets)}.")


def _sockets(path: Path, slugs: list[str], own: Mapping[str, Socket]) -> tuple[Socket, ...]:
    known = {**SOCKETS, **own}
    for slug in slugs:
        if slug not in known:
            reason = f"{path} uses the unknown socket {slug!r}."
            raise AlgorithmError(
                reason, f"Describe it under 'sockets', or use one of {', '.join(sorted(known))}."
            )
    return tuple(known[slug] for slug in slugs)


def _own_sockets(path: Path, items: list[dict[str, Any]]) -> dict[str, Socket]:
    try:
        return {item["slug"]: Socket(**item) for item in items}
    except (TypeError, KeyError) as error:
        reason = f"{path}: a socket lacks a field or has one that is unknown."
        instruction = (
            "A socket has slug, title, kind, relative_path and, where useful, schema and description."
        )
        raise AlgorithmError(reason, instruction) from error


def _resources(path: Path, data: Mapping[str, Any]) -> Resources:
    try:
        return Resources(**data)
    except TypeError as error:
        reason = f"{path}: resources has a field that is unknown."
        raise AlgorithmError(reason, "Use memory_mb, cpus, gpus and time_limit_s.") from error


def _helper(folder: Path) -> Path | None:
    """The helper module's folder, beside the models in a package and in ``docker/base`` of a checkout."""
    models = models_root()
    beside = (folder.parent, folder.parent.parent / "base", models, models.parent / "base")
    return next((place / HELPER for place in beside if (place / HELPER).is_dir()), None)
