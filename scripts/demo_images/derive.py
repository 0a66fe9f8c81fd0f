"""Derives cases of known truth from a volume: emphysema-like regions are inserted, then the dose is lowered.

What is inserted and how the truth is counted: ``docs/decisions/0003-truth-of-derived-cases.md``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from scripts.demo_images.volumes import Mask, Volume

REFERENCE_MAS = 200
"""Exposure that the unmodified volumes are labelled with; their files do not state one."""
_NATIVE_CLUSTER_MM3 = 30.0


@dataclass(frozen=True)
class Recipe:
    """How a case is derived.

    Args:
        base: name of the volume.
        inserted: volume of the inserted regions as a fraction of the reference lung.
        dose: remaining fraction of the dose, 0 < dose <= 1.
        pattern: ``centrilobular`` (many clusters of some mm, more towards the head) or ``panlobular``
            (fewer, larger, more towards the feet).
        seed: of everything random in the case.
    """

    base: str
    inserted: float
    dose: float
    pattern: str
    seed: int


@dataclass(frozen=True)
class Derived:
    """A derived volume, its emphysema mask and the fractions of the reference lung (0..1)."""

    volume: Volume
    mask: Mask
    inserted: float
    native: float
    truth: float


def native_clusters(volume: Volume) -> Mask:
    """Low attenuation that the unmodified lung shows already.

    Voxels of the reference lung below -950 HU after an in-plane Gaussian of 1 mm, in clusters of at least
    30 mm3. The smoothing and the least size keep single noisy voxels out; whether what remains is emphysema
    or air trapping nobody has read.
    """
    sigma = (0.0, 1.0 / volume.spacing[1], 1.0 / volume.spacing[2])
    low = (ndimage.gaussian_filter(volume.hu.astype(np.float32), sigma) < -950) & volume.lung
    labels, count = ndimage.label(low)
    sizes = np.bincount(labels.ravel(), minlength=count + 1) * volume.voxel_ml * 1000.0
    sizes[0] = 0.0
    return np.asarray(sizes >= _NATIVE_CLUSTER_MM3)[labels]


def derive(volume: Volume, recipe: Recipe) -> Derived:
    """Insert regions, lower the dose, and count the truth: the union of native and inserted in the lung."""
    rng = np.random.default_rng(recipe.seed)
    lung, native = volume.lung, native_clusters(volume)
    tissue = _tissue_mean(volume)
    regions, around = _regions(volume, recipe, tissue, rng)
    hu = _insert(volume, around, tissue, rng) + added_noise(volume, recipe.dose, rng)
    mask = (native | regions) & lung
    total = float(lung.sum())
    derived = Volume(
        volume.name,
        np.clip(np.round(hu), -1024, 3071).astype(np.int16),
        volume.spacing,
        volume.origin,
        real=volume.real,
    )
    return Derived(derived, mask, regions.sum() / total, native.sum() / total, mask.sum() / total)


def _regions(
    volume: Volume, recipe: Recipe, tissue: NDArray[np.float32], rng: np.random.Generator
) -> tuple[Mask, Mask]:
    """Where to insert: the highest values of a smooth random field inside the parenchyma.

    The threshold is the quantile that gives the wanted volume. Vessels and their edges (60 HU above the
    local mean) and the outer 2 mm of the lung are not counted and keep their values.

    Returns:
        The regions, which are the truth, and the same with the vessels that run through them.
    """
    wanted = round(recipe.inserted * int(volume.lung.sum()))
    if wanted == 0:
        return np.zeros_like(volume.lung), np.zeros_like(volume.lung)
    size_mm, towards_head = (3.5, 0.8) if recipe.pattern == "centrilobular" else (8.0, -0.8)
    field = _smooth_field(volume, size_mm, rng) + 0.5 * _smooth_field(volume, 4 * size_mm, rng)
    field += towards_head * np.linspace(-1.0, 1.0, len(volume.hu), dtype=np.float32)[:, None, None]
    margin = max(1, round(2.0 / volume.spacing[1]))
    inner = ndimage.binary_erosion(volume.lung, np.ones((1, 3, 3), dtype=bool), iterations=margin)
    eligible = inner & (volume.hu < tissue + 60.0)
    values = field[eligible]
    threshold = np.partition(values, len(values) - wanted)[len(values) - wanted]
    return eligible & (field >= threshold), inner & (field >= threshold)


def _tissue_mean(volume: Volume) -> NDArray[np.float32]:
    """The local mean of the parenchyma in HU (Gaussian of 1.5 mm in the plane, vessels left out)."""
    sigma = (0.0, 1.5 / volume.spacing[1], 1.5 / volume.spacing[2])
    tissue = (volume.lung & (volume.hu < -700)).astype(np.float32)
    weight = np.maximum(ndimage.gaussian_filter(tissue, sigma), 1e-3)
    return np.asarray(ndimage.gaussian_filter(volume.hu * tissue, sigma) / weight)


def _smooth_field(volume: Volume, sigma_mm: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """White noise smoothed by ``sigma_mm``, unit variance; made on a coarser grid and interpolated."""
    shape, (dz, dy, _) = volume.hu.shape, volume.spacing
    step = max(1, int(sigma_mm / dy / 1.5))
    coarse = (shape[0], -(-shape[1] // step), -(-shape[2] // step))
    sigma = (sigma_mm / dz, sigma_mm / dy / step, sigma_mm / dy / step)
    noise = ndimage.gaussian_filter(rng.standard_normal(coarse, dtype=np.float32), sigma)
    noise /= noise.std()
    if step == 1:
        return noise
    rows = [np.clip(np.arange(n) / step, 0, m - 1) for n, m in zip(shape[1:], coarse[1:], strict=True)]
    return _interpolate(_interpolate(noise, rows[0], 1), rows[1], 2)


def _interpolate(values: NDArray[np.float32], at: NDArray[np.float64], axis: int) -> NDArray[np.float32]:
    """Linear interpolation along one axis at fractional places."""
    low = np.minimum(at.astype(np.intp), values.shape[axis] - 2)
    weight = (at - low).astype(np.float32)
    weight = weight[None, :, None] if axis == 1 else weight[None, None, :]
    first = np.take(values, low, axis)
    return first + (np.take(values, low + 1, axis) - first) * weight


def _insert(
    volume: Volume, around: Mask, tissue: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Replace the local mean of the parenchyma in the regions by about -970 to -1000 HU.

    Seven tenths of the fine detail stay: the scanner's noise, less the texture of the tissue that is gone.
    The edge is blended over a point spread of 0.5 mm, so that it is as sharp as the scanner would show it.
    """
    hu = volume.hu.astype(np.float32)
    if not around.any():
        return hu
    sigma = (0.0, 0.5 / volume.spacing[1], 0.5 / volume.spacing[2])
    target = -985.0 + 6.0 * np.clip(_smooth_field(volume, 5.0, rng), -2.5, 2.5)
    vessels = np.clip((hu - tissue - 60.0) / 100.0, 0.0, 1.0)  # a vessel fades in over its own edge
    blend = ndimage.gaussian_filter(around.astype(np.float32), sigma) * (1.0 - vessels) * volume.lung
    return hu + blend * (target + 0.7 * (hu - tissue) - hu)


def noise_level(volume: Volume) -> float:
    """Standard deviation of the scanner's noise in HU: of the fine detail in soft tissue (0..100 HU)."""
    hu = volume.hu[:: max(1, len(volume.hu) // 8)].astype(np.float32)
    fine = hu - ndimage.gaussian_filter(hu, (0, 3.0 / volume.spacing[1], 3.0 / volume.spacing[2]))
    soft = ndimage.binary_erosion((hu > 0) & (hu < 100), np.ones((1, 3, 3), dtype=bool), iterations=3)
    return float(np.median(np.abs(fine[soft])) * 1.4826) if soft.any() else 10.0


def added_noise(volume: Volume, dose: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise that a scan at a fraction of the dose would have on top.

    Image-domain noise insertion: quantum noise variance is inversely proportional to dose, so what is missing
    is sigma^2 (1/dose - 1); its spectrum is that of filtered back projection, a ramp rolled off by a
    Gaussian, independent between slices (Britten et al., Br J Radiol 2004;77:323-328, who add spatially
    correlated noise in the image domain; compare Kim and Kim, Med Phys 2014;41:011901, who do it in the
    sinogram). Stationary: streaks and the dependence on the patient's diameter are not simulated.
    """
    if not 0 < dose <= 1:
        msg = f"dose is a fraction above 0 and up to 1, got {dose}"
        raise ValueError(msg)
    shape = volume.hu.shape
    if dose == 1:
        return np.zeros(shape, dtype=np.float32)
    sigma = noise_level(volume) * np.sqrt(1.0 / dose - 1.0)
    fy = fft.fftfreq(shape[1], volume.spacing[1])[:, None]
    fx = fft.rfftfreq(shape[2], volume.spacing[2])[None, :]
    radius = np.hypot(fy, fx)  # cycles per mm
    cut = min(0.45, 0.35 / volume.spacing[1])
    transfer = np.sqrt(radius * np.exp(-((radius / cut) ** 2))).astype(np.float32)
    noise = np.empty(shape, dtype=np.float32)
    for z in range(shape[0]):
        white = rng.standard_normal(shape[1:], dtype=np.float32)
        noise[z] = fft.irfft2(fft.rfft2(white) * transfer, s=shape[1:])
    return noise * np.float32(sigma / noise.std())
