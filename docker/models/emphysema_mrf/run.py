"""Emphysema by a noise-aware Markov random field, in the spirit of Häme et al. (IEEE TMI 2014).

What is asked of each voxel is not whether its noisy value lies below -950 HU, but how likely its true density
does, given the noise measured in this very scan. Neighbours then vote, the more the nearer they lie, by
iterated conditional modes (Besag, JRSS B 1986): lone voxels are taken for noise, even regions keep their
edge.
"""

from __future__ import annotations

import numpy as np
from radflow_model import CaseError, main, read_image, spacing_zyx, voxels, write_image, write_value
from scipy import ndimage
from scipy.special import log_ndtr

THRESHOLD_HU = -950.0
SMALLEST_NOISE_HU = 5.0
EVEN_SPREAD = 0.6605
"""Square root of the tenth percentile of chi-squared with 8 degrees of freedom over 8."""
VOTE = 1.0
LARGEST_ODDS = 6.0
SWEEPS = 20
SMALLEST_LUNG_VOXELS = 1000


def noise_hu(ct: np.ndarray, lung: np.ndarray) -> float:
    """Noise of the lung's voxels in HU, read where the lung is most even.

    The tenth percentile of the standard deviation over 3 x 3 voxels in plane, divided by what that percentile
    is for pure Gaussian noise (chi, 8 degrees of freedom), so that vessels and texture count little.
    """
    size = (1, 3, 3)
    whole = ndimage.uniform_filter(lung.astype(np.float32), size) > 1 - 1e-3
    if not whole.any():
        return 0.0
    mean = ndimage.uniform_filter(ct, size)
    variance = ndimage.uniform_filter((ct - THRESHOLD_HU) ** 2, size) - (mean - THRESHOLD_HU) ** 2
    spread = np.sqrt(np.maximum(variance[whole], 0) * 9 / 8)
    return float(np.percentile(spread, 10)) / EVEN_SPREAD


def odds(values: np.ndarray, noise: float) -> np.ndarray:
    """Log odds that the true density lies below ``THRESHOLD_HU``, given values in HU with this noise."""
    distance = (THRESHOLD_HU - values) / noise
    return np.clip(log_ndtr(distance) - log_ndtr(-distance), -LARGEST_ODDS, LARGEST_ODDS).astype(np.float32)


def vote(data: np.ndarray, lung: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Iterated conditional modes on a box [z, y, x]: labels that fit the data and their neighbours."""
    weights = [np.float32(VOTE * min(spacing) / step) for step in spacing]
    opinion = np.where(data > 0, np.float32(1), np.float32(-1)) * lung
    parity = np.indices(data.shape, dtype=np.uint8).sum(axis=0, dtype=np.uint8) % 2
    turns = [lung & (parity == turn) for turn in (0, 1)]
    for _ in range(SWEEPS):
        changed = 0
        for turn in turns:
            support = data.copy()
            for axis, weight in enumerate(weights):
                ahead = [slice(None)] * 3
                behind = [slice(None)] * 3
                ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
                scaled = weight * opinion
                support[tuple(behind)] += scaled[tuple(ahead)]
                support[tuple(ahead)] += scaled[tuple(behind)]
            after = np.where(support > 0, np.float32(1), np.float32(-1))
            changed += int((turn & (after != opinion)).sum())
            opinion = np.where(turn, after, opinion)
        if changed <= 1e-4 * lung.sum():
            break
    return lung & (opinion > 0)


def run() -> None:
    """``ct-image`` and ``lung-mask`` to ``emphysema-fraction`` and ``emphysema-mask``."""
    image = read_image("ct-image")
    ct, lung = voxels(image), voxels(read_image("lung-mask")) > 0
    if lung.shape != ct.shape:
        msg = f"The lung mask has the shape {lung.shape}, the scan {ct.shape}."
        raise CaseError(msg)
    if lung.sum() < SMALLEST_LUNG_VOXELS:
        msg = f"The lung mask holds {int(lung.sum())} voxels, too few for a histogram."
        raise CaseError(msg)
    box = ndimage.find_objects(lung.astype(np.uint8))[0]
    inside, part = lung[box], ct[box].astype(np.float32)
    data = np.zeros(part.shape, dtype=np.float32)
    values = part[inside]
    data[inside] = odds(values, max(noise_hu(part, inside), SMALLEST_NOISE_HU))
    emphysema = np.zeros(lung.shape, dtype=np.uint8)
    emphysema[box] = vote(data, inside, spacing_zyx(image))
    write_image("images/emphysema-mask", emphysema, image)
    write_value("emphysema-fraction.json", float(emphysema.sum() / lung.sum()))


if __name__ == "__main__":
    main(run)
