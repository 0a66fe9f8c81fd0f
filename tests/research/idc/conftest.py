"""Buckets over a socket, and a source that asks them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from research.idc import Bucket, IdcIndex, IdcSource
from research.sources import OfferedSeries, Patience, Selection
from scripts.demo_images.build import build, small_cases
from scripts.demo_images.volumes import phantom
from scripts.standins.idc import IdcStandIn


@pytest.fixture(scope="package")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three CT of eight images of two blocks each, a screen capture and a letter."""
    folder = tmp_path_factory.mktemp("idc") / "images"
    return build(folder, [phantom(slices=8, size=256)], small_cases(3), slices=8)


@pytest.fixture
def server(root: Path) -> Iterator[IdcStandIn]:
    """Buckets whose listings come in pages of three keys."""
    with IdcStandIn(root, page=3) as running:
        yield running


@pytest.fixture
def source(server: IdcStandIn) -> Iterator[IdcSource]:
    """A source with little patience."""
    bucket = Bucket(server.url, patience=Patience(2, 0.01), timeout=(2.0, 0.5))
    opened = IdcSource(IdcIndex.of([server.index]), bucket, parallel=2)
    yield opened
    opened.close()


@pytest.fixture
def offer(source: IdcSource) -> OfferedSeries:
    """One CT."""
    return next(source.series(Selection(collection="RADFLOW-DEMO", modalities=("CT",))))
