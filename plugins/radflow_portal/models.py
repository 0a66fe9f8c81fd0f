"""The API's answers, as its OpenAPI description shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, Field

Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    total: int = Field(description="How many there are in all, as far as you can see.")
    limit: int
    offset: int


class Keyset(BaseModel, Generic[Item]):
    """One page of a list that is too long to be counted each time; `/facets` has the counts."""

    items: list[Item]
    limit: int
    next: str | None = Field(description="Send it as `after` for the next page; null at the end.")


class Owned(BaseModel):
    """What every shared thing says about who may see it."""

    owner: str | None
    team: str | None
    visibility: str | None = Field(description="private, team or public")


class Attrition(BaseModel):
    """What one rule of the criteria left over."""

    rule_no: int
    rule_text: str
    series_count: int
    patient_count: int


class Cohort(Owned):
    """A frozen cohort."""

    id: int
    name: str
    version: int
    english: str
    criteria: Any
    criteria_sha256: str
    catalog_version: int
    cohort_sha256: str
    frozen_at: datetime
    member_count: int
    patient_count: int


class Algorithm(Owned):
    """An algorithm with its latest version."""

    name: str
    title: str
    summary: str
    version: str | None
    digest: str | None
    descriptor: dict[str, Any] | None
    registered_at: datetime | None


class Experiment(Owned):
    """An experiment with its latest text."""

    id: int
    name: str
    title: str
    revision: int
    spec: dict[str, Any]
    spec_sha256: str
    registered_at: datetime
    dag_id: str
    text_count: int
    last_run_id: int | None
    last_run_state: str | None
    last_run_at: datetime | None


class Registered(Owned):
    """A specification as it was accepted."""

    name: str
    revision: int
    dag_id: str = Field(description="The Airflow DAG that it becomes.")
    trigger_url: str = Field(description="Airflow REST address to start it (POST) with the same token.")
    page_url: str = Field(description="The DAG's page in Airflow.")
    spec_sha256: str
    registered_at: datetime
    created: bool = Field(description="False where the very same text was there already.")


class Run(Owned):
    """One run of an experiment."""

    id: int
    experiment: str
    title: str | None
    revision: int | None
    cohort_id: int
    cohort: str | None
    cohort_version: int | None
    cohort_english: str | None
    cohort_sha256: str | None
    dag_id: str
    dag_run_id: str
    state: str = Field(description="running, success, partial or failed")
    reason: str | None
    runtime: str
    runtime_reason: str
    code_version: str
    case_count: int
    complete_count: int = Field(description="Cases that have a value in every arm.")
    failed_count: int = Field(description="Cases of which some step failed.")
    started_at: datetime
    ended_at: datetime | None
    duration_s: float


class StepProgress(BaseModel):
    """How far one step of a run is."""

    step: str
    step_title: str
    arm: str = Field(description="Empty for steps that all arms share.")
    algorithm: str
    title: str | None
    version: str | None
    digest: str
    ok_count: int
    failed_count: int
    skipped_count: int
    reused_count: int
    case_count: int
    duration_s: float | None


class RunDetail(Run):
    """One run with its parameters and the progress of its steps."""

    parameters: dict[str, Any]
    progress: list[StepProgress]
    pictures: list[str]


class Metric(BaseModel):
    """An estimate with its interval."""

    arm: str
    name: str
    kind: str
    label: str
    is_primary: bool
    estimate: float | None
    lower: float | None
    upper: float | None
    level: float
    interval_method: str
    n_total: int
    n_ok: int
    n_patients: int
    unit: str
    better: str = Field(description="lower, higher or zero")
    note: str = Field(description="What a reader must know; empty where there is nothing.")
    details: Any


class Comparison(BaseModel):
    """Paired difference of two arms: arm_a minus arm_b."""

    arm_a: str
    arm_b: str
    metric: str
    difference: float | None
    lower: float | None
    upper: float | None
    level: float
    p_value: float | None
    p_adjusted: float | None = Field(description="After Holm, over all pairs of the experiment.")
    method: str
    note: str
    n: int


class CaseStep(BaseModel):
    """What one step did to one case."""

    step: str
    arm: str
    status: str
    reason_code: str | None
    reason: str | None
    duration_s: float | None
    reused: bool


class Case(BaseModel):
    """One case in one arm."""

    series_uid: str
    patient_alias: str | None
    collection: str | None
    derived: bool | None
    derivation: str | None
    truth_origin: str | None = Field(description="Where the truth of this image comes from.")
    arm: str
    name: str | None = Field(description="Which value; null where there is none yet.")
    value: float | None
    truth: float | None
    error: float | None = Field(description="value - truth")
    status: str = Field(description="ok, failed or pending")
    failed_step: str | None
    reason_code: str | None
    reason: str | None
    steps: list[CaseStep]


class StepRun(BaseModel):
    """The record of one step on one case."""

    arm: str
    step: str
    series_uid: str
    status: str
    reason_code: str | None
    reason: str | None
    fingerprint: str | None
    reused: bool
    runtime: str | None
    digest: str | None
    exit_code: int | None
    duration_s: float | None
    peak_memory_mb: float | None
    inputs: Any
    outputs: Any
    recorded_at: datetime


class Standing(BaseModel):
    """One line of the leaderboard."""

    cohort: str
    cohort_version: int
    cohort_sha256: str
    cohort_english: str | None
    metric_set: str
    metric: str
    unit: str
    better: str
    place: int
    experiment: str
    arm: str
    estimate: float | None
    lower: float | None
    upper: float | None
    level: float
    interval_method: str
    n_ok: int
    n_total: int
    ties_with_first: bool = Field(description="Its interval overlaps that of the first.")
    run_id: int
    dag_id: str
    dag_run_id: str
    owner: str
    ended_at: datetime | None


class Health(BaseModel):
    """Whether the portal can serve this person."""

    status: str
    account: str
    known_account: bool = Field(description="Whether Radflow has an account of this name.")
    roles: list[str]
    teams: list[str]


class DeidBatch(BaseModel):
    """One run of de-identification, counted over the series that you may see."""

    id: int
    name: str
    state: str = Field(description="complete, running, or stopped: not complete and still for half an hour")
    policy: str | None
    policy_sha256: str
    engine_version: str | None
    started_at: datetime
    last_at: datetime | None = Field(description="When its last series came to an end.")
    series_count: int
    done_count: int
    quarantined_count: int
    waiting_count: int = Field(description="Of those in quarantine, how many wait for a person.")
    object_count: int
    patient_count: int
    finding_count: int = Field(description="What the verifier found; zero is what one wants.")
    unverified_count: int


class Times(BaseModel):
    """How often something was done, and in how many series."""

    name: str
    times: int
    series_count: int


class DeidBatchDetail(DeidBatch):
    """One run of de-identification with its policy and totals."""

    english: list[str] | None = Field(description="The policy in English.")
    actions: list[Times]
    cuts: list[Times] = Field(description="What was cut out of texts, by kind.")
    reasons: list[Times] = Field(description="Why series are in quarantine; times counts their files.")


class DeidReport(Owned):
    """What became of one series in one batch."""

    id: int
    batch_id: int
    batch: str
    number: int = Field(description="Number of the series, as tasks and logs name it.")
    kind: str = Field(description="series (it went through) or quarantine")
    series_uid: str | None
    patient_alias: str | None
    reason_code: str | None
    modalities: list[str]
    object_count: int
    finding_count: int
    verified: bool
    actions: dict[str, int]
    outcomes: dict[str, int] = Field(description="kept, replaced, emptied, removed; over all attributes.")
    cuts: dict[str, int]
    report_sha256: str
    content_sha256: str
    policy_sha256: str | None
    created_at: datetime


class DeidReportDetail(Owned):
    """One report with what it says."""

    id: int
    batch_id: int
    batch: str
    number: int
    kind: str
    created_at: datetime
    is_last: bool = Field(description="False where a later report of the same series and batch counts.")
    pictures: list[str] = Field(description="sha256 of each picture after de-identification.")
    report: dict[str, Any] = Field(description="As deid/report/report.schema.json describes it.")


class Quarantined(Owned):
    """A series in quarantine that waits for a person."""

    id: int | None = Field(description="Number of its report; what fetching refused has none.")
    stage: Literal["fetch", "deidentify"] = Field(description="Who refused it.")
    batch_id: int | None
    batch: str | None
    number: int = Field(description="Number of the series, as tasks and logs name it.")
    source: str | None = Field(description="Where it came from, for what fetching refused.")
    collection: str | None
    reason_code: str
    reason: str
    instruction: str
    details: list[str]
    file_count: int
    modalities: list[str]
    created_at: datetime
