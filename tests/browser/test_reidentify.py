"""Re-identification in a real browser: two people, by keyboard, on a desk and on a phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

pytestmark = pytest.mark.browser

API = "/radflow/api/v1/reidentify"
REASON = "An incidental finding must reach the treating physician."
ALIAS = "RF-0123456789"
UNLABELLED = (
    "return [...document.querySelectorAll('form input:not([type=hidden]), textarea')]"
    ".filter(e => !e.labels.length).length"
)


@pytest.fixture
def sign_in(driver: Any) -> Iterator[Callable[[str], None]]:
    """``sign_in(account)`` for the pages that follow."""

    def call(account: str) -> None:
        driver.delete_all_cookies()
        driver.add_cookie({"name": "test_user", "value": account, "path": "/"})

    yield call
    call("erin")


@pytest.fixture
def asked(world: Any) -> int:
    """A request of ben's that waits."""
    body = {"subjects": [ALIAS], "reason": REASON}
    answer = requests.post(world.base + API, json=body, headers={"X-Test-User": "ben"}, timeout=20)
    return int(answer.json()["id"])


def wait(driver: Any, text: str) -> Any:
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(driver, 15).until(lambda d: d.execute_script(text))


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_fit_and_complain_of_nothing(
    visit: Any, sign_in: Any, asked: int, width: int, dark: bool
) -> None:
    for who in ("bea", "ben"):
        for path in ("/reidentify", f"/reidentify/{asked}"):
            driver = visit("/static/radflow.css")
            sign_in(who)
            driver = visit(path, width, dark=dark)
            assert driver.execute_script("return document.documentElement.scrollWidth") <= width
            assert driver.execute_script("return document.querySelectorAll('h1').length") == 1
            assert driver.execute_script(UNLABELLED) == 0
            messages = [one["message"] for one in driver.get_log("browser")]
            assert [one for one in messages if "favicon" not in one] == []


def test_a_request_by_keyboard_then_its_approval_by_keyboard(visit: Any, sign_in: Any) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    driver = visit("/static/radflow.css")
    sign_in("bea")
    driver = visit("/reidentify")
    driver.find_element(By.ID, "subjects").send_keys("MRN-12345")
    driver.find_element(By.ID, "reason").send_keys(REASON, Keys.TAB, Keys.TAB, Keys.ENTER)
    told = wait(driver, "const p = document.querySelector('.problem'); return !p.hidden && p.textContent")
    assert "Entry 1 is neither" in told
    assert "MRN" not in told
    driver.find_element(By.ID, "subjects").clear()
    driver.find_element(By.ID, "subjects").send_keys(
        ALIAS, Keys.TAB, Keys.TAB, Keys.TAB, Keys.TAB, Keys.ENTER
    )
    wait(driver, r"return /reidentify\/\d+$/.test(location.pathname) && document.readyState === 'complete'")
    address = driver.current_url.partition("/radflow")[2]
    assert driver.find_elements(By.CSS_SELECTOR, "button[value=approve]") == []
    sign_in("ben")
    driver = visit(address)
    driver.find_element(By.ID, "said").send_keys(Keys.TAB, Keys.TAB, Keys.ENTER)  # refuse, without a word
    told = wait(driver, "const p = document.querySelector('.problem'); return !p.hidden && p.textContent")
    assert "A refusal says why" in told
    driver.find_element(By.ID, "said").send_keys(Keys.TAB, Keys.ENTER)
    assert wait(
        driver, "const p = document.querySelector('h1 .pill'); return p && p.textContent === 'approved'"
    )
    sign_in("bea")
    driver = visit(address)
    assert driver.find_element(By.CSS_SELECTOR, "a[href$='result.csv']").is_displayed()
