"""The portal's pages in a real browser."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.browser

PAGES = ("/runs", "/leaderboard", "/docs", "/runs/1", "/runs/3", "/runs/by-dag-run?dag_id=exp_x&run_id=y")


def script(driver: Any, text: str) -> Any:
    return driver.execute_script(text)


def wait(driver: Any, text: str, seconds: float = 15) -> Any:
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(driver, seconds).until(lambda d: d.execute_script(text))


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("path", PAGES)
def test_pages_fit_and_complain_of_nothing(visit: Any, path: str, width: int) -> None:
    driver = visit(path, width)
    assert script(driver, "return document.documentElement.scrollWidth") <= width
    assert script(driver, "return document.querySelectorAll('h1').length") == 1
    messages = [entry["message"] for entry in driver.get_log("browser")]
    ours = [m for m in messages if "favicon" not in m and "status of 404" not in m]
    assert ours == []


def test_pictures_are_drawn(visit: Any) -> None:
    driver = visit("/runs/1")
    script(driver, "document.querySelectorAll('img').forEach(i => { i.loading = 'eager' })")
    assert wait(
        driver,
        "const all = [...document.images];"
        "return all.length === 3 && all.every(i => i.complete && i.naturalWidth)",
    )


def _errors(driver: Any) -> list[str]:
    return list(
        script(
            driver,
            "return [...document.querySelectorAll('.sortable tbody tr')].map(r => r.cells[4].dataset.value)",
        )
    )


def test_cases_sort_by_mouse_and_by_keyboard(visit: Any) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    driver = visit("/runs/1")
    head = driver.find_elements(By.CSS_SELECTOR, ".sortable thead th")[4]
    button = head.find_element(By.TAG_NAME, "button")
    button.click()
    assert head.get_attribute("aria-sort") == "ascending"
    rising = _errors(driver)
    assert rising[-1] == ""
    numbers = [float(value) for value in rising[:-1]]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) > 3
    button.send_keys(Keys.ENTER)
    assert head.get_attribute("aria-sort") == "descending"
    falling = _errors(driver)
    assert falling[-1] == ""
    assert [float(value) for value in falling[:-1]] == sorted(numbers, reverse=True)


def test_keyboard_reaches_the_content_first(visit: Any) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    driver = visit("/runs")
    driver.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    assert script(driver, "return document.activeElement.className") == "skip"


def _dark(driver: Any) -> bool:
    red = script(driver, "return getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]")
    return int(red) < 80


def test_colours_follow_the_system_and_airflow(visit: Any) -> None:
    assert not _dark(visit("/runs"))
    assert _dark(visit("/runs", dark=True))
    driver = visit("/runs")
    try:
        script(driver, "localStorage.setItem('theme', 'dark')")
        assert _dark(visit("/runs"))
        script(driver, "localStorage.setItem('theme', 'light')")
        assert not _dark(visit("/runs", dark=True))
    finally:
        script(driver, "localStorage.removeItem('theme')")


def test_it_works_in_a_frame_of_airflow(visit: Any, world: Any) -> None:
    driver = visit("/runs")
    script(
        driver,
        "const f = document.createElement('iframe'); f.id = 'tab'; f.src = '/radflow/runs/1';"
        "document.body.append(f)",
    )
    inside = "const d = document.getElementById('tab').contentDocument;"
    assert wait(driver, f"{inside} return d && d.querySelector('.facts') !== null")
    shown = "e => d.defaultView.getComputedStyle(e).display !== 'none'"
    assert script(driver, f"{inside} return [...d.querySelectorAll('.alone')].filter({shown}).length") == 0


def test_a_running_run_comes_up_to_date_by_itself(visit: Any, world: Any) -> None:
    driver = visit(f"/runs/{world.ids['run_live']}")
    assert "2 of 6" in script(driver, "return document.querySelector('main').textContent")
    with world.cursor() as cursor:
        cursor.execute(
            "insert into experiment.step_run (run_id, arm, step, series_uid, status) "
            "select %s, '', 'lungs', series_uid, 'ok' from experiment.cohort_member m where m.cohort_id = %s "
            "on conflict do nothing",
            (world.ids["run_live"], world.ids["cohort"]),
        )
    assert wait(driver, "return document.querySelector('main').textContent.includes('6 of 6')")
    with world.cursor() as cursor:
        cursor.execute(
            "update experiment.run set state = 'failed', reason = 'stopped', ended_at = now() where id = %s",
            (world.ids["run_live"],),
        )
    assert wait(driver, "return !document.querySelector('main').dataset.refresh")
