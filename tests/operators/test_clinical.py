"""Clinical resources from a FHIR server and from files, through the landing zone, into the catalog, beside images."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

import deid
from operators import clinical_work
from operators.catalog import CatalogOperator
from operators.clinical import (
    CatalogClinicalOperator,
    ClinicalDeidentifyOperator,
    ClinicalNewsOperator,
    ClinicalPlanOperator,
    FhirFetchOperator,
    ReportsFetchOperator,
)
from operators.deidentify import DeidentifyOperator, DeidentifyPlanOperator
from operators.fetch import FetchOperator, FetchPlanOperator
from research.clinical import QUARANTINE
from research.errors import FetchError, SettingsError
from scripts.demo_images.build import COLLECTION
from scripts.demo_images.headers import uid
from scripts.demo_images.people import ISSUER, PEOPLE
from scripts.standins.fhir import FhirStandIn
from tests.support import clinical as made
from tests.support.place import KEY, TEAM, Place, context

ANN, BART = PEOPLE[0], PEOPLE[1]
PSEUDONYMS = deid.Pseudonyms(bytes.fromhex(KEY), "tests")
ALIAS = PSEUDONYMS.patient(ANN.mrn, ISSUER)


def everything(person: Any = ANN, subject: str = "pat-1", study_uid: str = "1.2.3") -> list[dict[str, Any]]:
    return [
        made.patient(person, subject), made.imaging_study(person, study_uid, subject),
        made.report(person, subject), made.observation(person, subject), made.condition(person, subject),
    ]  # fmt: skip


@pytest.fixture
def fhir(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[FhirStandIn]:
    with FhirStandIn(everything(), page=2) as running:
        extra = {"retries": 1, "backoff": 0.01, "read_timeout": 1, "identifiers": made.RULES}
        monkeypatch.setenv(
            "AIRFLOW_CONN_FHIR_DEFAULT",
            json.dumps({"conn_type": "fhir", "host": running.url, "extra": extra}),
        )
        yield running


def fetched(run: str = "manual__1", **more: Any) -> dict[str, int]:
    given = {"collection": COLLECTION, "team": TEAM, "visibility": "team", **more}
    return FhirFetchOperator(task_id="fetch", **given).execute(context("fetch_fhir", run))


def incoming(place: Place, name: str, text: str | bytes) -> Path:
    path = place.zone("landing") / "incoming" / "reports" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    os.utime(path, (time.time() - 60,) * 2)
    return path


def files(run: str = "manual__1", **more: Any) -> dict[str, int]:
    given = {"collection": COLLECTION, **more}
    return ReportsFetchOperator(task_id="fetch", **given).execute(context("fetch_reports", run))


def worked(**more: Any) -> list[dict[str, int]]:
    done = []
    for ids in ClinicalPlanOperator(task_id="plan", **more).execute(context()):
        done.append(ClinicalDeidentifyOperator(task_id="deidentify", ids=ids).execute(context()))
        CatalogClinicalOperator(task_id="catalog", deidentified=done[-1]).execute(context())
    return done


def images(place: Place) -> None:
    plan = FetchPlanOperator(task_id="plan", conn_id="nbia_default", collection=COLLECTION, modality="CT")
    for chunk in plan.execute(context()):
        FetchOperator(task_id="fetch", series_ids=chunk).execute(context())
    for chunk in DeidentifyPlanOperator(task_id="plan").execute(context()):
        done = DeidentifyOperator(task_id="deidentify", series_ids=chunk).execute(context())
        CatalogOperator(task_id="catalog", deidentified=done).execute(context())


def states(place: Place) -> dict[str, str]:
    found = place.database.rows(
        "select kind, state, coalesce(reason_code, '') from landing.received_clinical"
    )
    return {kind: f"{state} {code}".strip() for kind, state, code in found}


def counted(place: Place) -> list[int]:
    tables = ("report", "finding", "observation", "condition")
    return [place.database.value(f"select count(*) from catalog.{name}") for name in tables]


def test_from_the_server_to_the_catalog(place: Place, fhir: FhirStandIn) -> None:
    assert fetched() == {"seen": 5, "landed": 5, "unreadable": 0, "reread": 0}
    assert ClinicalNewsOperator(task_id="news").execute(context()) == 5
    assert sum(one["records"] for one in worked()) == 5
    assert set(states(place).values()) == {"deidentified"}
    assert counted(place)[0] == counted(place)[2] == counted(place)[3] == 1
    ((alias, text, kind, code, state, owner, team),) = place.database.rows(
        "select patient_alias, text, kind, code, state, owner, team from catalog.report"
    )
    assert (alias, kind, code, state, owner, team) == (ALIAS, "radiology", "24627-2", "held", "admin", TEAM)
    assert "Severe centrilobular emphysema. Small left pleural effusion. No pneumothorax." in text
    found = place.database.rows("select finding, status, origin from catalog.finding order by 1, 3")
    assert ("pneumothorax", "absent", "report") in found
    assert ("emphysema", "present", "report") in found
    assert ("emphysema", "present", "fhir") in found
    for start, end in place.database.rows(
        "select start_offset, end_offset from catalog.finding where finding = 'pneumothorax'"
    ):
        assert text[start:end] == "pneumothorax"
    assert place.database.rows("select value, unit, value_text, scheme, code from catalog.observation") == [
        (1.4, "L", None, "LN", "20150-9")
    ]
    assert place.database.rows("select scheme, code, meaning, clinical_status from catalog.condition") == [
        ("SCT", "13645005", "COPD", "active")
    ]
    with pytest.raises(AirflowSkipException):
        ClinicalNewsOperator(task_id="news").execute(context())


def test_the_same_again_changes_nothing(place: Place, fhir: FhirStandIn) -> None:
    fetched()
    worked()
    before = place.database.rows("select report_id, received_id, text from catalog.report")
    folders = sorted(path.name for path in (place.zone("landing") / "clinical").iterdir())
    assert fetched("second") == {"seen": 5, "landed": 0, "unreadable": 0, "reread": 0}
    assert worked() == []
    assert sorted(path.name for path in (place.zone("landing") / "clinical").iterdir()) == folders
    place.database.rows("update landing.received_clinical set state = 'received'")
    worked()
    assert place.database.rows("select report_id, received_id, text from catalog.report") == before
    assert counted(place)[2:] == [1, 1]


def test_a_correction_takes_the_former_place_and_a_withdrawal_leaves_none(
    place: Place, fhir: FhirStandIn
) -> None:
    fetched()
    worked()
    for one in fhir.resources:
        if one["resourceType"] == "DiagnosticReport":
            one |= made.report(ANN, text="FINDINGS: Lungs are clear.") | {"status": "amended"}
        if one["resourceType"] == "Observation":
            one["status"] = "entered-in-error"
    assert fetched("second")["landed"] == 2
    worked()
    assert place.database.rows("select text from catalog.report") == [("FINDINGS: Lungs are clear.",)]
    assert counted(place)[2] == 0
    assert states(place)["observation"] == "passed_over withdrawn"
    assert place.database.value(
        "select count(*) from catalog.finding where finding = 'pneumothorax'"
    ) == 0  # fmt: skip


def test_images_and_reports_meet_whichever_comes_first(place: Place, fhir: FhirStandIn) -> None:
    study = uid("phantom/case-01", "study")
    numbers = {one["id"]: one for one in fhir.resources}
    numbers["img-1"]["identifier"][0]["value"] = f"urn:oid:{study}"
    other = [made.patient(BART, "pat-2"), made.report(BART, "pat-2", "rep-2", study="")]
    other[1]["basedOn"] = [
        {"identifier": {"value": BART.accession, "type": {"coding": [{"code": "ACSN"}]}}}
    ]  # by the accession number alone
    fhir.resources += other
    fetched()
    worked()
    assert place.database.rows("select count(*) from catalog.report where study_uid is null") == [(1,)]
    images(place)
    found = place.database.rows(
        "select r.patient_alias, t.patient_alias, t.study_date - r.report_date, o.observed_on - t.study_date "
        "from catalog.report r join catalog.study t on t.study_uid = r.study_uid "
        "left join catalog.observation o on o.patient_alias = r.patient_alias order by 4"
    )
    bart = PSEUDONYMS.patient(BART.mrn, ISSUER)
    assert found == [(ALIAS, ALIAS, 0, -made.LAB_DAYS), (bart, bart, 0, None)]
    assert place.database.value("select count(*) from catalog.finding where study_uid is null") == 0
    before = place.database.rows("select report_id, study_uid from catalog.report order by 1")
    place.database.rows("update landing.received_clinical set state = 'received'")
    worked()  # images first, this time
    assert place.database.rows("select report_id, study_uid from catalog.report order by 1") == before


def test_reports_wait_for_their_patient(place: Place, fhir: FhirStandIn) -> None:
    patient = fhir.resources.pop(0)
    fetched()
    worked()
    assert counted(place) == [0, 0, 0, 0]
    assert states(place)["report"] == "quarantined patient-unknown"
    fhir.resources.append(patient)
    assert fetched("second") == {"seen": 5, "landed": 1, "unreadable": 0, "reread": 4}
    worked()
    assert counted(place)[0] == 1
    patient["name"].append({"family": "Effusion-Newlyweddington"})
    assert fetched("third")["reread"] == 4  # another name may stand in every text


def test_what_cannot_be_vouched_for_is_in_quarantine(
    place: Place, fhir: FhirStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    fhir.resources.append(made.patient(BART, "pat-2") | {"name": []})
    fhir.resources += [made.report(BART, "pat-2", "rep-2"), made.report(BART, "pat-3", "rep-3")]
    fhir.resources.append(
        made.patient(BART, "pat-4") | {"identifier": [{"system": "urn:other", "value": "1"}]}
    )
    pdf = made.report(ANN, name="rep-5") | {"text": {}}
    pdf["presentedForm"] = [{"contentType": "application/pdf", "data": "JVBERi0="}]
    fhir.resources.append(pdf)
    fetched()
    # A cleaner that overlooks the name: the second look finds it.
    clean = deid.text.TextCleaner.clean
    monkeypatch.setattr(
        deid.text.TextCleaner, "clean",
        lambda self, text, **how: clean(self, text.replace(ANN.family, "XX"), **how)
        if "FEV" in text else type(clean(self, "x", **how))(text),
    )  # fmt: skip
    worked()
    codes = dict(
        place.database.rows(
            "select reason_code, count(*) from landing.received_clinical where state = 'quarantined' group by 1"
        )
    )
    assert codes == {
        "no-identity": 2,
        "patient-unknown": 1,
        "no-patient-id": 1,
        "form-not-text": 1,
        "residue": 1,
    }
    told = place.database.rows(
        "select reason, instruction from landing.received_clinical where state = 'quarantined'"
    )
    assert all(reason and instruction for reason, instruction in told)
    assert not any(ANN.family in cell for row in told for cell in row)
    assert set(codes) <= set(QUARANTINE)
    ((received, quarantined),) = place.database.rows("select received, quarantined from catalog.clinical_run")
    assert received["report"] == 4
    assert quarantined == codes
    monkeypatch.undo()


def test_quarantine_is_tried_again_when_asked(place: Place, fhir: FhirStandIn) -> None:
    fetched()
    place.database.rows(
        "update landing.received_clinical set state = 'quarantined', reason_code = 'residue' where kind = 'report'"
    )
    worked()
    assert counted(place)[0] == 0
    worked(again="True")
    assert counted(place)[0] == 1


def test_files_of_a_folder(place: Place) -> None:
    incoming(place, "Mockwellington.hl7", made.oru(ANN))
    incoming(place, "b.csv", f"{made.CSV_HEAD}\n{made.csv_rows(BART)}")
    incoming(place, "c.ndjson", "\n".join(json.dumps(one) for one in everything(PEOPLE[2])))
    incoming(place, "readme.txt", "not ours")
    assert files(identifiers=f"{ISSUER}={ISSUER};{made.RULES}") == {
        "seen": 8, "landed": 8, "unreadable": 0, "reread": 0,
    }  # fmt: skip
    assert [path.name for path in (place.zone("landing") / "incoming" / "reports").iterdir()] == [
        "readme.txt"
    ]
    landed = [path.name for path in (place.zone("landing") / "clinical").rglob("*") if path.is_file()]
    assert sorted(landed) == ["0001.csv", "0001.hl7", "0001.ndjson"]
    worked()
    assert counted(place)[0] == counted(place)[2] == 3
    found = place.database.rows(
        "select r.patient_alias, o.observed_on - r.report_date from catalog.report r "
        "join catalog.observation o on o.patient_alias = r.patient_alias"
    )
    assert sorted(found) == sorted(
        (PSEUDONYMS.patient(one.mrn, ISSUER), -made.LAB_DAYS) for one in PEOPLE[:3]
    )
    assert files() == {"seen": 0, "landed": 0, "unreadable": 0, "reread": 0}


def test_a_file_that_means_nothing_stays_and_the_others_go_on(place: Place) -> None:
    bad = incoming(place, "a.csv", "name,text\nx,y\n")
    young = incoming(place, "b.hl7", made.oru(BART))
    os.utime(young)
    incoming(place, "c.hl7", made.oru(ANN))
    with pytest.raises(FetchError, match=r"1 of 3 files mean nothing: \[1\]"):
        files()
    assert bad.exists()
    assert young.exists()
    assert place.database.value("select count(*) from landing.received_clinical") == 1
    with pytest.raises(SettingsError, match="SYSTEM=ISSUER"):
        files(identifiers="nonsense")


def test_lines_that_cannot_be_read_are_noted(place: Place) -> None:
    incoming(place, "a.ndjson", '{"resourceType": "Patient", "id"\n{"resourceType":"Encounter","id":"1"}\n')
    incoming(place, "b.hl7", made.oru(ANN) + "\rMSH|^~\\&|X\rPID")
    assert files()["unreadable"] == 1
    worked()
    found = place.database.rows("select state, reason_code from landing.received_clinical order by id")
    assert found == [("quarantined", "unreadable"), ("deidentified", None), ("passed_over", "other-message")]


def test_a_killed_task_goes_on_where_it_was(
    place: Place, fhir: FhirStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clinical_work, "BATCH", 2)
    fetched()

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    (ids, *_) = ClinicalPlanOperator(task_id="plan").execute(context())
    with monkeypatch.context() as patch:
        patch.setattr(clinical_work, "_enter", killed)
        done = ClinicalDeidentifyOperator(task_id="deidentify", ids=ids).execute(context())
        with pytest.raises(Killed):
            CatalogClinicalOperator(task_id="catalog", deidentified=done).execute(context())
    assert counted(place) == [0, 0, 0, 0]
    worked()
    assert counted(place)[2:] == [1, 1]
    assert place.database.value("select count(*) from landing.clinical_record") == 0


def test_what_is_followed_is_asked_for_since_the_servers_time(place: Place, fhir: FhirStandIn) -> None:
    fetched(follow="True", searches="Patient DiagnosticReport?category=RAD")
    worked()
    asked = len(fhir.requests)
    for one in fhir.resources:
        one.setdefault("meta", {})["lastUpdated"] = "2020-01-01T00:00:00Z"
    counts = FhirFetchOperator(task_id="fetch").execute(context("fetch_fhir", "night"))
    assert counts == {"seen": 0, "landed": 0, "unreadable": 0, "reread": 0}
    assert len(fhir.requests) == asked + 2
    assert fhir.requests[-1].query["_lastUpdated"][0] > "ge2026"
    assert fhir.requests[-1].query["category"] == ["RAD"]
    fhir.fault("403", "/Patient")
    with pytest.raises(FetchError, match="HTTP 403"):
        FhirFetchOperator(task_id="fetch").execute(context("fetch_fhir", "night 2"))


def test_bulk_export_lands_the_same(place: Place, fhir: FhirStandIn) -> None:
    assert fetched(bulk="True")["landed"] == 5
    worked()
    assert fetched("second")["landed"] == 0  # by search: the same resources
    assert counted(place)[0] == 1
    with pytest.raises(FetchError, match="does not begin with a type"):
        fetched("third", searches="Encounter")


def test_a_policy_that_removes_text_is_refused(place: Place, fhir: FhirStandIn) -> None:
    fetched()
    (ids, *_) = ClinicalPlanOperator(task_id="plan").execute(context())
    with pytest.raises(deid.PolicyError, match="removes text"):
        ClinicalDeidentifyOperator(task_id="deidentify", ids=ids, policy="basic").execute(context())


def test_the_crosswalk_leads_back_and_the_key_is_watched(
    place: Place, fhir: FhirStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched()
    worked()
    ((alias, number, issuer, days),) = place.database.rows(
        "select patient_alias, patient_id, issuer_of_patient_id, days_offset from phi.patient",
        role="postgres",
    )
    assert (alias, number, issuer) == (ALIAS, ANN.mrn, ISSUER)
    assert days == PSEUDONYMS.days(ANN.mrn, ISSUER)
    place.database.rows("update landing.received_clinical set state = 'received'")
    other = {"conn_type": "generic", "login": "tests", "password": "6e" * 32}
    monkeypatch.setenv("AIRFLOW_CONN_RADFLOW_DEID", json.dumps(other))
    with pytest.raises(SettingsError, match="is under the key"):
        worked()


def test_who_sees_what(place: Place, fhir: FhirStandIn) -> None:
    fetched()
    worked()

    def seen(account: str, table: str) -> int:
        return place.database.value(
            f"select count(*) from catalog.{table}", role="radflow_portal", account=account
        )

    assert [seen("alice", "report"), seen("cora", "report"), seen("mallory", "report")] == [0, 1, 0]
    for table in ("finding", "observation", "condition", "clinical_run"):
        if table == "clinical_run":
            text = "select count(id) from catalog.clinical_run"
            found = place.database.value(text, role="radflow_portal", account="alice")
        else:
            found = seen("alice", table)
        assert found > 0
    assert [seen("mallory", one) for one in ("finding", "observation", "condition")] == [0, 0, 0]
    release = "update catalog.report set state = 'released' returning report_id"
    assert place.database.rows(release, role="radflow_portal", account="alice") == []
    ((report,),) = place.database.rows(release, role="radflow_portal", account="cora")
    assert seen("alice", "report") == 1
    assert place.database.rows(
        "select account, object_id from audit.event where action = 'report.released'"
    ) == [("cora", report)]
    search = (
        "select count(*) from catalog.report where words @@ websearch_to_tsquery('english', 'emphysemas')"
    )
    assert place.database.value(search, role="radflow_portal", account="alice") == 1


def test_released_at_once_where_asked(place: Place, fhir: FhirStandIn) -> None:
    fetched(release="True")
    worked()
    assert place.database.rows("select state, settled_by from catalog.report") == [("released", None)]
