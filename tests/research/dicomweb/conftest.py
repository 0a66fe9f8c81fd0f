"""A real Orthanc with three series, and a proxy in front of it that can fail."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from research.dicomweb import DicomWebClient, DicomWebSource, Transport
from research.sources import Patience
from tests.support.dicomweb_proxy import Proxy, proxy
from tests.support.orthanc import Made, Orthanc, compressed, orthanc, series

CHEST = series("chest", 12, size=256)
HEAD = series("head", 3, body_part="HEAD")
MR = series(
    "knee", 4, study="two", modality="MR", date="20240601", body_part="KNEE", accession="ACC-2", patient="P2"
)
OLD = compressed()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        running.put(CHEST, HEAD, MR, OLD)
        yield running


@pytest.fixture
def web(server: Orthanc) -> Iterator[Proxy]:
    with proxy(server.url) as running:
        yield running


def source_at(address: str, *, page: int = 200, retries: int = 3, **more: object) -> DicomWebSource:
    given = {"timeout": (5.0, 20.0), "patience": Patience(retries, 0.01), **more}
    return DicomWebSource(DicomWebClient(Transport(f"{address}/dicom-web", **given), page=page))  # type: ignore[arg-type]


@pytest.fixture
def source(web: Proxy) -> Iterator[DicomWebSource]:
    made = source_at(web.url)
    yield made
    made.close()


def offer(made: Made, count: int | None = -1):
    from research.sources import OfferedSeries

    return OfferedSeries(
        series_uid=made.series, address=made.study, image_count=len(made.images) if count == -1 else count
    )
