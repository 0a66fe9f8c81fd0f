"""Uploading in a real browser: a folder, progress, a reload in the middle, a cut, the keyboard, phone and dark."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser
WHO = "erin"


@pytest.fixture(scope="module", autouse=True)
def drop(world: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The drop area; no scheduler is told."""
    from radflow_portal import upload_news

    folder = tmp_path_factory.mktemp("drop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__RADFLOW__UPLOAD_DIR", str(folder))
        patch.setenv("AIRFLOW__RADFLOW__UPLOAD_QUOTA_GB", "0.5")
        patch.setenv("AIRFLOW__RADFLOW__UPLOAD_FILE_GB", "0.2")
        patch.setattr(upload_news, "tell", lambda: True)
        yield folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What somebody has on the desk: images in folders, a letter, an empty file."""
    made = tmp_path / "Scan of A"
    for name in ("one", "two"):
        (made / name).mkdir(parents=True)
        for i in range(6):
            (made / name / f"IM{i}").write_bytes(os.urandom(20_000 + i))
    (made / "letter.txt").write_text("hello", "utf-8")
    (made / "nothing").touch()
    return made


def script(driver: Any, text: str, *values: Any) -> Any:
    return driver.execute_script(text, *values)


def wait(driver: Any, text: str, seconds: float = 25) -> Any:
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(driver, seconds).until(lambda d: d.execute_script(text))


def element(driver: Any, css: str) -> Any:
    from selenium.webdriver.common.by import By

    return driver.find_element(By.CSS_SELECTOR, css)


@pytest.fixture
def begin(world: Any, visit: Any) -> Callable[..., int]:
    """An open upload of erin's, and its page."""

    def call(**more: Any) -> int:
        with world.cursor("radflow_portal", WHO) as cursor:
            cursor.execute(
                "insert into upload.upload (owner, collection, licence, attested) "
                "values (%s, 'uploads-erin', 'CC BY 4.0', true) returning id", (WHO,)
            )  # fmt: skip
            number = int(cursor.fetchone()[0])
        visit(f"/uploads/{number}", **more)
        return number

    return call


def rows(world: Any, number: int) -> list[tuple[Any, ...]]:
    with world.cursor("radflow_portal", WHO) as cursor:
        cursor.execute(
            "select name, byte_count, state, sha256 from upload.file where upload_id = %s order by name",
            (number,),
        )
        return list(cursor.fetchall())


def whole(driver: Any) -> bool:
    return bool(wait(driver, "return !document.getElementById('finish').disabled"))


def test_from_the_form_to_sorting_by_keyboard(visit: Any, world: Any, folder: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    driver = visit("/uploads")
    element(driver, "#licence").send_keys("CC BY 4.0")
    element(driver, "input[name=attested]").send_keys(Keys.SPACE)
    element(driver, "form[data-then$='{id}'] button").send_keys(Keys.ENTER)
    assert wait(
        driver, "return /uploads\\/\\d+$/.test(location.pathname) && !!document.getElementById('sender')"
    )
    number = int(driver.current_url.rsplit("/", 1)[1])
    element(driver, "#files").send_keys(str(folder / "one" / "IM0") + "\n" + str(folder / "letter.txt"))
    assert whole(driver)
    assert "2 of 2 files" in element(driver, "#said").text
    element(driver, "#finish").send_keys(Keys.ENTER)
    assert wait(driver, "return document.querySelector('h1').textContent.includes('being sorted')")
    assert script(driver, "return document.querySelector('main').dataset.refresh") == "4"
    assert [row[2] for row in rows(world, number)] == ["received", "received"]


def test_a_folder_with_its_folders(begin: Any, driver: Any, world: Any, folder: Path) -> None:
    number = begin()
    element(driver, "#folder").send_keys(str(folder))
    assert whole(driver)
    found = rows(world, number)
    assert len(found) == 14
    assert {row[2] for row in found} == {"received"}
    assert ("Scan of A/two/IM5", 20_005) in {row[:2] for row in found}
    element(driver, "#folder").send_keys(str(folder))  # once more: nothing is sent twice
    assert whole(driver)
    assert len(rows(world, number)) == 14


def test_dropped_entries_are_walked(begin: Any, driver: Any, world: Any) -> None:
    number = begin()
    script(
        driver,
        """
      const file = (name) => ({ isFile: true, name, fullPath: '/dropped/' + name,
                                file: (done) => done(new File(['content of ' + name], name, { lastModified: 7 })) });
      let parts = [[file('a'), file('b')], [file('c')], []];
      const reader = { readEntries: (done) => done(parts.shift()) };
      const entry = { isFile: false, name: 'dropped', createReader: () => reader };
      const event = new Event('drop', { cancelable: true });
      event.dataTransfer = { items: [{ kind: 'file', webkitGetAsEntry: () => entry }] };
      document.getElementById('drop').dispatchEvent(event);""",
    )
    assert whole(driver)
    assert [row[0] for row in rows(world, number)] == ["dropped/a", "dropped/b", "dropped/c"]


def test_a_reload_in_the_middle(
    begin: Any, driver: Any, world: Any, drop: Path, tmp_path: Path, visit: Any
) -> None:
    number, content = begin(), os.urandom(1_000_000)
    path = tmp_path / "large.zip"
    path.write_bytes(content)
    script(
        driver,
        """
      const send = XMLHttpRequest.prototype.send;   // 300,000 bytes go out, then nothing any more
      let times = 0;
      XMLHttpRequest.prototype.send = function (body) {
        times += 1;
        if (times === 1) send.call(this, body.slice(0, 300000)); };""",
    )
    element(driver, "#files").send_keys(str(path))
    assert wait(driver, "return document.getElementById('said').textContent.includes('300 kB of 1.0 MB')")
    assert script(driver, "return document.getElementById('finish').disabled")
    visit(f"/uploads/{number}")
    assert wait(
        driver, "return document.getElementById('left').textContent.includes('1 of 1 files are not whole')"
    )
    element(driver, "#files").send_keys(str(path))
    assert whole(driver)
    assert (drop / str(number) / "00000001").read_bytes() == content


def test_a_cut_line_is_tried_again(begin: Any, driver: Any, world: Any, tmp_path: Path) -> None:
    number = begin()
    path = tmp_path / "a.dcm"
    path.write_bytes(os.urandom(50_000))
    script(
        driver,
        """
      let times = 0;
      const open = XMLHttpRequest.prototype.open;
      XMLHttpRequest.prototype.open = function (method, url) {
        times += 1;
        return open.call(this, method, times < 3 ? 'http://127.0.0.1:9/' : url); };""",
    )
    element(driver, "#files").send_keys(str(path))
    assert wait(driver, "return document.getElementById('trouble').textContent.includes('Trying again')")
    assert whole(driver)
    assert script(driver, "return document.getElementById('trouble').hidden")
    assert rows(world, number)[0][2] == "received"
    driver.get_log("browser")


def test_cancelling_asks_twice(begin: Any, driver: Any, drop: Path, tmp_path: Path) -> None:
    number = begin()
    path = tmp_path / "a.dcm"
    path.write_bytes(b"x" * 1000)
    element(driver, "#files").send_keys(str(path))
    assert whole(driver)
    button = element(driver, "#cancel")
    button.click()
    assert "Really cancel?" in button.text
    button.click()
    assert wait(driver, "return document.querySelector('h1').textContent.includes('cancelled')")
    assert not (drop / str(number)).exists()


def test_over_the_quota_is_told(begin: Any, driver: Any, world: Any, tmp_path: Path) -> None:
    begin()
    with world.cursor("postgres") as cursor:
        cursor.execute(
            "insert into upload.quota values (%s, 10) on conflict (account) do update set byte_count = 10",
            (WHO,),
        )
    path = tmp_path / "a.dcm"
    path.write_bytes(b"x" * 1000)
    try:
        element(driver, "#files").send_keys(str(path))
        assert wait(
            driver, "return document.getElementById('trouble').textContent.includes('that you may upload')"
        )
    finally:
        with world.cursor("postgres") as cursor:
            cursor.execute("delete from upload.quota")
        driver.get_log("browser")


@pytest.fixture(scope="module")
def sorted_upload(world: Any) -> int:
    """An upload that was sorted: three series on their way, verdicts of every kind."""
    with world.cursor("radflow_portal", WHO) as cursor:
        cursor.execute("select set_config('radflow.upload_quota', '100000000', true)")
        cursor.execute(
            "insert into upload.upload (owner, team, visibility, collection, licence, licence_uri, attested) "
            "values (%s, 'lungs', 'team', 'Lungs of the ward', 'CC BY 4.0', "
            "'https://creativecommons.org/licenses/by/4.0/', true) returning id", (WHO,)
        )  # fmt: skip
        number = int(cursor.fetchone()[0])
        for i in range(1, 8):
            cursor.execute(
                "insert into upload.file (upload_id, number, name, byte_count) values (%s, %s, %s, 524000)",
                (number, i, f"Scan of A/series {i // 3}/IM{i:05d}"),
            )
        cursor.execute("update upload.file set state = 'received', done_bytes = byte_count, sha256 = repeat('0', 64) "
                       "where upload_id = %s", (number,))  # fmt: skip
        cursor.execute(
            "update upload.upload set state = 'received', received_at = now() where id = %s", (number,)
        )
    codes = ("accepted", "accepted", "accepted", "duplicate", "not-dicom", "truncated", "incomplete-series")
    with world.cursor() as cursor:
        for i, (stage, reason) in enumerate(
            (("held", None), ("released", None), ("quarantined", "One series holds two patients.")), 1
        ):
            cursor.execute(
                "insert into landing.received_series (source, collection, series_uid, owner) "
                "values ('upload', 'Lungs of the ward', %s, %s) returning id", (f"1.2.{i}", WHO)
            )  # fmt: skip
            cursor.execute(
                "insert into upload.series (received_id, upload_id, number, patient_number, modality, image_count, "
                "byte_count, stage, reason, reason_code) values (%s, %s, %s, %s, 'CT', 120, 63000000, %s, %s, %s)",
                (cursor.fetchone()[0], number, i, i, stage, reason, reason and "two-patients"),
            )
        for i, code in enumerate(codes, 1):
            cursor.execute(
                "insert into upload.verdict (upload_id, file_number, code, series_number) "
                "values (%s, %s, %s, %s)", (number, i, code, 1 if code == "accepted" else None)
            )  # fmt: skip
        cursor.execute("update upload.upload set state = 'done', done_at = now() where id = %s", (number,))
    with world.cursor("postgres") as cursor:
        cursor.execute("insert into upload.notice (upload_id, series_count) values (%s, 2)", (number,))
    return number


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_fit_and_complain_of_nothing(
    visit: Any, begin: Any, driver: Any, sorted_upload: int, width: int, dark: bool, tmp_path: Path
) -> None:
    opened = begin()
    path = tmp_path / "IM1"
    path.write_bytes(b"x" * 5000)
    for name, where in (("list", "/uploads"), ("open", f"/uploads/{opened}"), ("sorted", f"/uploads/{sorted_upload}"),
                        ("one", f"/uploads/{sorted_upload}?code=truncated")):  # fmt: skip
        visit(where, width, dark=dark)
        if name == "open":
            element(driver, "#files").send_keys(str(path))
            assert whole(driver)
        assert script(driver, "return document.documentElement.scrollWidth") <= width, where
        if name == "open":
            assert not element(driver, "#without").is_displayed()
        assert script(driver, "return document.querySelectorAll('h1').length") == 1, where
        shots = os.environ.get("RADFLOW_SCREENSHOTS")
        if shots:
            size = script(driver, "return document.documentElement.scrollHeight")
            shown = {"width": width, "height": size, "deviceScaleFactor": 1, "mobile": width < 600}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shown)
            driver.save_screenshot(str(Path(shots) / f"upload-{name}-{width}{'-dark' if dark else ''}.png"))
        messages = [entry["message"] for entry in driver.get_log("browser")]
        assert [message for message in messages if "favicon" not in message] == [], where


def test_curators_read_the_news_once(visit: Any, driver: Any, sorted_upload: int) -> None:
    driver.add_cookie({"name": "test_user", "value": "cora", "path": "/"})
    try:
        visit("/uploads")
        assert "2 new series wait for curators" in element(driver, "#news").text
        assert "Scan of A" not in script(driver, "return document.body.textContent")
        element(driver, "form[data-send$='seen'] button").click()
        assert wait(driver, "return document.readyState === 'complete' && !document.getElementById('news')")
        assert driver.execute_async_script(
            "fetch(arguments[0]).then((a) => arguments[1](a.status))", f"/radflow/api/v1/uploads/{sorted_upload}"
        ) == 404  # fmt: skip
    finally:
        driver.add_cookie({"name": "test_user", "value": WHO, "path": "/"})
        driver.get_log("browser")
