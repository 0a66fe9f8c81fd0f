"""Finding studies, looking at them and making a cohort of them, in a real browser."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.viewable import fill_views

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def views(world: Any) -> dict[str, str]:
    """Series that can be looked at."""
    return fill_views(world)


def script(driver: Any, text: str) -> Any:
    return driver.execute_script(text)


def wait(driver: Any, text: str, seconds: float = 60) -> Any:
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(driver, seconds).until(lambda d: d.execute_script(text))


def press(driver: Any, *keys: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(driver).send_keys(*keys).perform()


def complaints(driver: Any) -> list[str]:
    messages = [entry["message"] for entry in driver.get_log("browser")]
    return [m for m in messages if "favicon" not in m and "thumbnail.png" not in m and "niivue-info" not in m]


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_pages_fit_and_complain_of_nothing(visit: Any, views: dict[str, str], width: int, dark: bool) -> None:
    for path in (
        "/studies?modality=CT",
        f"/studies/{views['study']}",
        f"/series/{views['ct']}",
        "/cohorts",
        "/cohorts/new?modality=CT",
        "/cohorts/1",
        "/cohorts/1/sparsity?finding=pneumothorax",
        "/cohorts/1/diff",
    ):
        driver = visit(path, width, dark=dark)
        assert script(driver, "return document.documentElement.scrollWidth") <= width, path
        assert script(driver, "return document.querySelectorAll('h1').length") == 1, path
        assert complaints(driver) == [], path


def test_facets_by_keyboard_and_back(visit: Any, views: dict[str, str]) -> None:
    from selenium.webdriver.common.keys import Keys

    driver = visit("/studies")
    before = script(driver, "return document.querySelector('#totals').textContent")
    script(driver, "document.querySelector('#facets input[name=modality]').focus()")
    press(driver, Keys.ARROW_DOWN)
    chosen = script(driver, "return document.activeElement.value")
    press(driver, Keys.SPACE)
    assert wait(driver, f"return location.search.includes('modality={chosen}')")
    assert script(driver, "return document.querySelectorAll('.chip.drop').length") == 1
    assert script(driver, "return document.activeElement.checked && document.activeElement.value") == chosen
    assert f"modality={chosen}" in script(driver, "return document.querySelector('#cohort a').href")
    press(driver, "/")
    assert script(driver, "return document.activeElement.id") == "q"
    press(driver, "ball")
    assert wait(driver, "return location.search.includes('q=ball')")
    driver.back()
    driver.back()
    assert wait(driver, f"return document.querySelector('#totals').textContent === {json.dumps(before)}")
    assert script(driver, "return document.querySelectorAll('.chip.drop').length") == 0


def test_the_viewer_by_keyboard(visit: Any, views: dict[str, str]) -> None:
    from selenium.webdriver.common.keys import Keys

    driver = visit(f"/series/{views['ct']}")
    assert wait(driver, "return document.querySelector('#viewer').dataset.ready")
    corner = "return document.querySelector('#corner').textContent"
    assert script(driver, corner).startswith("13 / 24")
    middle = script(driver, "return document.querySelector('#slice').toDataURL()")
    press(driver, Keys.ARROW_DOWN)
    assert script(driver, corner).startswith("14 / 24")
    press(driver, Keys.END, Keys.PAGE_UP)
    assert script(driver, corner).startswith("14 / 24")
    press(driver, Keys.HOME)
    assert script(driver, "return document.querySelector('#slice').toDataURL()") != middle
    press(driver, "2")
    assert "W 1500  L -600" in script(driver, corner)
    press(driver, Keys.ARROW_RIGHT)
    assert "coronal 49 of 96" in script(driver, "return document.querySelector('#told').textContent")
    assert complaints(driver) == []


def test_a_segmentation_is_laid_over(visit: Any, views: dict[str, str]) -> None:
    driver = visit(f"/series/{views['ct']}")
    assert wait(driver, "return document.querySelector('#viewer').dataset.ready")
    pick = "const p = document.querySelector('#mask'); p.value = '%s'; p.dispatchEvent(new Event('change'));"
    script(driver, pick % views["seg"])
    assert wait(driver, "return document.querySelector('#legend').textContent === 'Ball'")
    coloured = (
        "const c = document.querySelector('#slice'); const p = c.getContext('2d').getImageData("
        "c.width / 2, c.height / 2, 1, 1).data; return p[0] !== p[2]"
    )
    assert script(driver, coloured)
    press(driver, "m")
    assert not script(driver, coloured)
    script(driver, pick % views["off"])
    assert wait(driver, "return document.querySelector('#told').textContent.includes('grid')")


def test_all_planes_with_niivue(visit: Any, views: dict[str, str]) -> None:
    driver = visit(f"/series/{views['ct']}")
    if not script(driver, "return Boolean(document.querySelector('#niivue'))"):
        pytest.skip("niivue is not installed here (scripts/vendor.sh, needs npm)")
    assert wait(driver, "return document.querySelector('#viewer').dataset.ready")
    script(driver, "document.querySelector('#niivue').click()")
    assert wait(
        driver,
        "return document.querySelector('#viewer').dataset.niivue === 'ready'"
        " || document.querySelector('#told').textContent.includes('WebGL')",
    )
    assert script(driver, "return document.querySelector('#viewer').dataset.niivue") == "ready"
    # The browser tells of the mask that does not fit, which the page before was refused.
    assert [told for told in complaints(driver) if f"/masks/{views['off']}" not in told] == []


def test_from_rules_to_a_frozen_cohort(visit: Any, views: dict[str, str]) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    criteria = {"all": [{"field": "modality", "op": "eq", "value": "CT"}]}
    driver = visit(f"/cohorts/new?criteria={quote(json.dumps(criteria))}")
    count = "return Number(document.querySelector('#totals b').textContent)"
    assert wait(driver, "return document.querySelectorAll('.attrition button').length === 1")
    whole = script(driver, count)
    script(
        driver,
        "const f = document.querySelector('#field'); f.value = 'collection'; f.dispatchEvent(new Event('change'));",
    )
    driver.find_element(By.ID, "value").send_keys("none such", Keys.ENTER)
    assert wait(driver, "return document.querySelector('#totals b').textContent === '0'")
    assert "collection is none such" in script(
        driver, "return document.querySelector('#english').textContent"
    )
    driver.find_elements(By.CSS_SELECTOR, ".attrition button")[1].click()
    assert wait(driver, f"return document.querySelector('#totals b').textContent === '{whole}'")
    area = driver.find_element(By.ID, "criteria")
    area.send_keys("x")
    assert wait(driver, "return document.querySelector('#wrong').textContent.startsWith('No JSON yet')")
    area.send_keys(Keys.BACKSPACE)
    assert wait(driver, "return document.querySelector('#wrong').hidden")
    driver.find_element(By.ID, "name").send_keys("from-the-browser", Keys.ENTER)
    assert wait(driver, "return /cohorts.[0-9]+$/.test(location.pathname)")
    assert "from-the-browser" in script(driver, "return document.querySelector('h1').textContent")
    assert script(driver, "return document.querySelectorAll('.flow svg rect').length") >= 2
