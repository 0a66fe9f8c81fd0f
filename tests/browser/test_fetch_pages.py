"""The pages about fetching in a real browser."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.fetch_rows import FetchRows, fill_fetch

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def rows(world: Any) -> FetchRows:
    """Fetches in the portal's world."""
    return fill_fetch(world.cursor)


@pytest.fixture(autouse=True)
def bob(driver: Any, rows: FetchRows) -> Any:
    """The browser, signed in as bob while a test runs."""
    driver.add_cookie({"name": "test_user", "value": "bob", "path": "/"})
    yield
    driver.add_cookie({"name": "test_user", "value": "erin", "path": "/"})


def script(driver: Any, text: str) -> Any:
    return driver.execute_script(text)


def wait(driver: Any, text: str, seconds: float = 15) -> Any:
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(driver, seconds).until(lambda d: d.execute_script(text))


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_fit_and_complain_of_nothing(visit: Any, rows: FetchRows, width: int, dark: bool) -> None:
    for path in ("/fetched", "/fetched/runs", f"/fetched/runs/{rows.run['bobs']}", "/fetched/series"):
        driver = visit(path, width, dark=dark)
        assert script(driver, "return document.documentElement.scrollWidth") <= width, path
        assert script(driver, "return document.querySelectorAll('h1').length") == 1, path
        messages = [entry["message"] for entry in driver.get_log("browser")]
        assert [message for message in messages if "favicon" not in message] == [], path


def test_from_a_collection_to_its_series_by_keyboard(visit: Any, rows: FetchRows) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    driver = visit("/fetched")
    link = driver.find_element(By.CSS_SELECTOR, "th a[href*='collection=FETCHED']")
    link.send_keys(Keys.ENTER)
    assert wait(driver, "return document.querySelector('h1').textContent === 'Fetched series'")
    assert script(driver, "return document.querySelectorAll('tbody tr').length") == 5


def test_progress_comes_up_to_date_by_itself(visit: Any, rows: FetchRows, world: Any) -> None:
    driver = visit(f"/fetched/runs/{rows.run['open']}")
    assert "2 of 3 series" in script(driver, "return document.querySelector('main').textContent")
    with world.cursor() as cursor:
        cursor.execute(
            "update landing.received_series set state = 'received', uri = 'file:///x', manifest_sha256 = 'm' "
            "where id = %s",
            (rows.series["moving"],),
        )
    assert wait(driver, "return document.querySelector('main').textContent.includes('3 of 3 series')")
    assert not script(driver, "return document.querySelector('main').dataset.refresh")
