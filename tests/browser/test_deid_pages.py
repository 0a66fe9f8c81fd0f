"""The pages about de-identification, and the report as a file, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.deid_rows import ENGINEER, DeidRows, fill_deid

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def rows(world: Any, tmp_path_factory: pytest.TempPathFactory) -> DeidRows:
    """Batches in the portal's world."""
    ids = world.ids["series"]
    catalogued = {"open": ids["s1"], "held": ids["held"], "bobs": ids["bob"]}
    return fill_deid(world.cursor, tmp_path_factory.mktemp("deid") / "zone", catalogued)


@pytest.fixture(autouse=True)
def engineer(driver: Any, rows: DeidRows) -> Any:
    """The browser, signed in as a data engineer while a test runs."""
    driver.add_cookie({"name": "test_user", "value": ENGINEER, "path": "/"})
    yield
    driver.add_cookie({"name": "test_user", "value": "erin", "path": "/"})


def script(driver: Any, text: str) -> Any:
    return driver.execute_script(text)


def wait(driver: Any, text: str, seconds: float = 15) -> Any:
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(driver, seconds).until(lambda d: d.execute_script(text))


def paths(rows: DeidRows) -> list[str]:
    batches = [f"/deidentification/batches/{rows.batch[name]}" for name in ("first", "second")]
    reports = [f"/deidentification/reports/{rows.report[name]}" for name in ("open", "cut", "late")]
    return ["/deidentification", "/deidentification/quarantine", *batches, *reports]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_fit_and_complain_of_nothing(visit: Any, rows: DeidRows, width: int, dark: bool) -> None:
    for path in paths(rows):
        driver = visit(path, width, dark=dark)
        assert script(driver, "return document.documentElement.scrollWidth") <= width, path
        assert script(driver, "return document.querySelectorAll('h1').length") == 1, path
        messages = [entry["message"] for entry in driver.get_log("browser")]
        assert [message for message in messages if "favicon" not in message] == [], path


def test_a_picture_is_drawn_with_its_outline(visit: Any, rows: DeidRows) -> None:
    driver = visit(f"/deidentification/reports/{rows.report['open']}")
    loaded = (
        "const i = new Image(); i.src = document.querySelector('.outlined image').href.baseVal;"
        "const d = arguments[arguments.length - 1]; i.onload = () => d(i.naturalWidth); i.onerror = () => d(0)"
    )
    assert driver.execute_async_script(loaded) == 320
    box = "const r = document.querySelector('.outlined rect').getBoundingClientRect(); return r.width * r.height"
    assert script(driver, box) > 0


def test_quarantine_can_be_worked_by_keyboard(visit: Any, rows: DeidRows) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    driver = visit("/deidentification")
    link = driver.find_element(By.CSS_SELECTOR, ".tabs a[href$='quarantine']")
    assert link.text.startswith("Quarantine")
    link.send_keys(Keys.ENTER)
    assert wait(driver, "return document.querySelector('h1').textContent === 'Quarantine'")
    entry = driver.find_element(By.CSS_SELECTOR, "tbody a")
    entry.send_keys(Keys.ENTER)
    assert wait(driver, "return document.querySelector('main').textContent.includes('What to do')")


def test_a_batch_comes_up_to_date_by_itself(visit: Any, rows: DeidRows, world: Any) -> None:
    driver = visit(f"/deidentification/batches/{rows.batch['second']}")
    assert "1 of 2" in script(driver, "return document.querySelector('main').textContent")
    with world.cursor() as cursor:
        cursor.execute(
            "insert into catalog.deid_report (batch_id, received_id, report, owner, team, visibility) "
            "select i.batch_id, i.received_id, r.report, i.owner, i.team, i.visibility from catalog.deid_item i, "
            "catalog.deid_report r where i.batch_id = %s and i.received_id = %s and r.id = %s",
            (rows.batch["second"], rows.number["next"], rows.report["late"]),
        )
    assert wait(driver, "return document.querySelector('main').textContent.includes('2 of 2')")
    assert not script(driver, "return document.querySelector('main').dataset.refresh")


def test_the_file_sorts_opens_and_prints(driver: Any, world: Any, tmp_path: Path) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    from deid import load_policy
    from deid.report import batch_report, series_pictures, series_report, write_report
    from tests.support.outcomes import make_outcome, png

    policy, reports, pictures = load_policy("research"), [], {}
    for name, count in (("a", 2), ("b", 11), ("c", 3)):
        looked = {"touched": 1, "boxes": {"all": [[1, 2, 9, 9]], "frames": {}}, "columns": 64, "rows": 48}
        pixels = {"pixels": (looked,), "pictures": {"after-0001": png()}}
        result, folder = make_outcome(tmp_path, policy, name, count=count, **pixels)
        reports.append(series_report(result, policy, findings=[], folder=folder))
        pictures |= series_pictures(result)
    write_report(tmp_path / "report", batch_report(reports), pictures)
    try:
        for width in (390, 1280):
            driver.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
            )
            driver.get_log("browser")
            driver.get((tmp_path / "report" / "report.html").as_uri())
            assert script(driver, "return document.documentElement.scrollWidth") <= width
            assert [entry["message"] for entry in driver.get_log("browser")] == []
        lines = "document.querySelectorAll('#series ~ .scroll tbody tr')"
        objects = f"return [...{lines}].map(r => +r.cells[2].dataset.value)"
        head = driver.find_elements(By.CSS_SELECTOR, "#series ~ .scroll thead button")[2]
        head.send_keys(Keys.ENTER)
        assert script(driver, objects) == [2, 3, 11]
        head.send_keys(Keys.ENTER)
        assert script(driver, objects) == [11, 3, 2]
        driver.find_element(By.CSS_SELECTOR, "#series ~ .scroll tbody a").click()
        assert wait(driver, "return document.querySelectorAll('main > details[open]').length === 1")
        script(driver, "dispatchEvent(new Event('beforeprint'))")
        assert script(driver, "return document.querySelectorAll('details:not([open])').length") == 0
        script(driver, "dispatchEvent(new Event('afterprint'))")
        assert script(driver, "return document.querySelectorAll('main > details[open]').length") == 1
    finally:
        driver.get(f"{world.base}/radflow/static/radflow.css")
