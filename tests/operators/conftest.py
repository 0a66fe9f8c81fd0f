"""Images, a server to fetch them from, and places that have come as far as a test needs."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from operators.catalog import CatalogOperator
from operators.deidentify import DeidentifyOperator, DeidentifyPlanOperator
from operators.fetch import FetchOperator, FetchPlanOperator, ImportTruthOperator
from scripts.demo_images.build import COLLECTION, build, small_cases
from scripts.demo_images.volumes import phantom
from scripts.standins.nbia import NbiaStandIn
from tests.support.cluster import Cluster, Database
from tests.support.place import TEAM, Place, context

TRUTH = "emphysema_fraction"


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three chest CT of a phantom, two of them derived with a known truth, a screen capture and a letter."""
    return build(tmp_path_factory.mktemp("demo") / "images", [phantom()], small_cases(3), slices=24)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, so small that no model finds anything in them."""
    folder = tmp_path_factory.mktemp("tiny") / "images"
    return build(folder, [phantom(slices=8, size=48)], small_cases(3), slices=8)


@pytest.fixture
def server(tiny: Path) -> Iterator[NbiaStandIn]:
    """A stand-in of NBIA; plan faults on it."""
    with NbiaStandIn(tiny) as running:
        yield running


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Database:
    """The module's own database; ``place`` empties it before each test."""
    return cluster.new()


@pytest.fixture
def place(database: Database, tmp_path: Path, server: NbiaStandIn) -> Iterator[Place]:
    """An empty installation beside the server."""
    database.empty()
    with Place(database, tmp_path).used(server.url) as made:
        made.people()
        yield made


def _write_truth(made: Path, target: Path) -> None:
    target.parent.mkdir(parents=True)
    rows = ["series_uid,name,value,origin"]
    for row in csv.DictReader(made.read_text(encoding="utf-8").splitlines()):
        if row["emphysema_fraction"]:
            rows.append(f"{row['series_instance_uid']},{TRUTH},{row['emphysema_fraction']},by construction")
    target.write_text("\n".join([*rows, ""]), encoding="utf-8")


@pytest.fixture(scope="session")
def ingested(cluster: Cluster, images: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Everything fetched, de-identified and catalogued, held for curation. Not to be changed: take ``held``."""
    made = Place(cluster.new(), tmp_path_factory.mktemp("way"))
    with NbiaStandIn(images) as server, made.used(server.url):
        made.people()
        _write_truth(images.parent / "truth.csv", made.zone("landing") / "truth" / "demo.csv")
        ImportTruthOperator(task_id="truth", file_name="demo.csv", collection=COLLECTION).execute(context())
        plan = FetchPlanOperator(
            task_id="plan",
            conn_id="nbia_default",
            collection=COLLECTION,
            account="admin",
            team=TEAM,
            visibility="team",
        )
        for chunk in plan.execute(context()):
            FetchOperator(task_id="fetch", series_ids=chunk).execute(context())
        for chunk in DeidentifyPlanOperator(task_id="plan").execute(context()):
            done = DeidentifyOperator(task_id="deidentify", series_ids=chunk).execute(context())
            CatalogOperator(task_id="catalog", deidentified=done).execute(context())
    return made


@pytest.fixture(scope="module")
def held(cluster: Cluster, ingested: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A copy of ``ingested`` for one module: own database, own research store."""
    folder = tmp_path_factory.mktemp("held")
    shutil.copytree(ingested.zone("research"), folder / "research")
    copy = Place(cluster.new(ingested.database.name), folder)
    here, there = copy.zone("research").as_uri(), ingested.zone("research").as_uri()
    copy.database.rows(
        "update catalog.series set uri = replace(uri, %s, %s)", there, here, role="radflow_owner"
    )
    with copy.used() as made:
        yield made
