"""The command line, as a person uses it."""

import contextlib
import csv
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deid.__main__ import main

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def key(tmp_path, capsys):
    assert main(["key", str(tmp_path / "key")]) == 0
    capsys.readouterr()
    return tmp_path / "key"


def run(source, out, key, *more):
    return main(["run", str(source), str(out), "--key-file", str(key), "--project", "p", *more])


def test_key_is_private_and_never_overwritten(key, capsys):
    before = key.read_bytes()
    assert key.stat().st_mode & 0o077 == 0
    assert main(["key", str(key)]) == 2
    assert "never overwritten" in capsys.readouterr().err
    assert key.read_bytes() == before


def test_run_verify_and_run_again(ct, write, tmp_path, key, capsys):
    for series in ("1", "2"):
        for number in (1, 2):
            write(ct(series=series, instance=number))
    source, out = tmp_path / "in", tmp_path / "out"
    assert run(source, out, key, "--report", str(tmp_path / "report")) == 0
    printed = capsys.readouterr().out
    assert "2 series done, 0 in quarantine" in printed
    files = {path: path.read_bytes() for path in out.rglob("*.dcm")}
    assert len(files) == 4
    assert {len(path.relative_to(out).parts) for path in files} == {4}
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert [entry["objects"] for entry in report["series"]] == [2, 2]
    page = (tmp_path / "report" / "report.html").read_text()
    records = "".join(path.read_text() for path in (out / ".deid").iterdir())
    everything = printed + json.dumps(report) + page + records + " ".join(map(str, out.rglob("*")))
    assert "uimbly" not in everything
    assert "MRN" not in everything
    assert main(["verify", str(source), str(out)]) == 0
    assert run(source, out, key) == 0
    assert "2 series done (2 as before)" in capsys.readouterr().out
    assert run(source, out, key, "--no-resume", "--jobs", "1") == 0
    assert files == {path: path.read_bytes() for path in out.rglob("*.dcm")}


def test_bad_files_do_not_stop_the_rest(ct, write, tmp_path, key, capsys):
    write(ct())
    bad = ct(series="9")
    bad.SOPClassUID = "1.2.840.10008.5.1.4.1.1.104.1"
    write(bad)
    (tmp_path / "in" / "letter.txt").write_text("Dear Mr Quimbly")
    assert run(tmp_path / "in", tmp_path / "out", key) == 1
    printed = capsys.readouterr().out
    assert "1 series done, 2 in quarantine" in printed
    assert "encapsulated-document" in printed
    assert "not-dicom" in printed
    assert "Quimbly" not in printed
    assert len(list((tmp_path / "out").rglob("*.dcm"))) == 1


def test_another_policy_does_not_overwrite(ct, write, tmp_path, key, capsys):
    write(ct())
    assert run(tmp_path / "in", tmp_path / "out", key) == 0
    assert run(tmp_path / "in", tmp_path / "out", key, "--policy", "basic") == 1
    assert "output-exists" in capsys.readouterr().out


def test_verify_finds_a_leak(ct, write, tmp_path, capsys):
    write(ct())
    assert main(["verify", str(tmp_path / "in"), str(tmp_path / "in")]) == 1
    assert "unchanged at (0010,0010)" in capsys.readouterr().out


def test_policy_in_english(capsys):
    assert main(["explain", "research"]) == 0
    assert "Dates move to the past" in capsys.readouterr().out


def test_wrong_use(tmp_path, capsys):
    assert main(["explain", "nothing"]) == 2
    assert "There is no policy" in capsys.readouterr().err
    assert run(tmp_path, tmp_path / "out", tmp_path / "absent") == 2
    assert "cannot be read" in capsys.readouterr().err


def test_folders_that_make_no_sense(tmp_path, key, capsys):
    assert run(tmp_path / "nowhere", tmp_path / "out", key) == 2
    assert "does not exist" in capsys.readouterr().err
    assert run(tmp_path, tmp_path / "out", key) == 2
    assert "lie in each other" in capsys.readouterr().err


def test_mapping_and_review_hold_identity_for_their_owner_alone(ct, write, tmp_path, key, capsys):
    source, out, broker = tmp_path / "in", tmp_path / "out", tmp_path / "broker"
    write(ct())
    bad = ct(series="9")
    bad.SeriesInstanceUID = ""
    write(bad)
    assert run(source, out, key, "--mapping", str(broker), "--review", str(broker), "--project", "midi") == 1
    pairs = dict(csv.reader((broker / "uid_mapping.csv").read_text().splitlines()))
    assert pairs.pop("id_old") == "id_new"
    originals = {ct()[name].value for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")}
    assert originals <= pairs.keys()
    (file,) = out.rglob("*.dcm")
    assert pairs[ct().SOPInstanceUID] == file.stem
    rows = list(csv.reader((broker / "patid_mapping.csv").read_text().splitlines()))
    assert rows == [["id_old", "id_new"], ["MRN-0012345", file.parts[-4]]]
    assert "missing-identifier" in (broker / "quarantine.csv").read_text()
    assert {path.stat().st_mode & 0o077 for path in broker.iterdir()} == {0}
    assert "MRN" not in capsys.readouterr().out


def test_a_stopped_run_goes_on(ct, write, tmp_path, key, capsys):
    """What is finished is not treated again; what is missing or changed is."""
    for series in ("1", "2", "3"):
        write(ct(series=series))
    source, out = tmp_path / "in", tmp_path / "out"
    assert run(source, out, key) == 0
    folder = sorted(path.parent for path in out.rglob("*.dcm"))[0]
    shutil.rmtree(folder)
    capsys.readouterr()
    assert run(source, out, key) == 0
    assert "3 series done (2 as before)" in capsys.readouterr().out
    assert len(list(out.rglob("*.dcm"))) == 3


def workers(parent):
    """Processes that were begun by a process."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = status.read_text().rpartition(")")[2].split()
            found |= {int(status.parent.name)} if int(fields[1]) == parent else set()
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked for in /proc")
def test_a_killed_run_leaves_nothing_running_and_goes_on(ct, write, tmp_path, key, capsys):
    """kill -9 in the middle: no process stays, no half series, and the same command does the rest."""
    for series in range(1, 61):
        write(ct(series=str(series)))
    source, out, whole = tmp_path / "in", tmp_path / "out", tmp_path / "whole"
    command = [sys.executable, "-m", "deid", "run", str(source), str(out), "--key-file", str(key), "--jobs", "2",
               "--project", "p", "--quiet"]  # fmt: skip
    begun = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    deadline, children = time.monotonic() + 120, set()
    while len(list(out.glob(".deid/*.json"))) < 3 and begun.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    children = workers(begun.pid)
    begun.kill()
    begun.wait()
    assert len(children) == 2
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    done = len(list(out.glob(".deid/*.json")))
    assert 3 <= done < 60
    assert run(source, out, key) == 0
    assert f"60 series done ({done} as before)" in capsys.readouterr().out
    assert run(source, whole, key) == 0
    assert {path.relative_to(out): path.read_bytes() for path in out.rglob("*.dcm")} == {
        path.relative_to(whole): path.read_bytes() for path in whole.rglob("*.dcm")
    }
    assert not list(out.rglob(".*.partial-*"))


def test_many_processes_give_the_same_bytes(ct, write, tmp_path, key):
    for series in range(5):
        write(ct(series=str(series)))
    contents = []
    for jobs in ("1", "3"):
        assert run(tmp_path / "in", tmp_path / jobs, key, "--jobs", jobs, "--quiet") == 0
        files = sorted((tmp_path / jobs).rglob("*.dcm"))
        contents.append([(path.relative_to(tmp_path / jobs), path.read_bytes()) for path in files])
    assert contents[0] == contents[1]
    assert len(contents[0]) == 5


@pytest.mark.parametrize("command", [[], ["run"], ["verify"], ["explain"], ["score"], ["key"]])
def test_help(command):
    shown = subprocess.run(
        [sys.executable, "-m", "deid", *command, "--help"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "usage: python -m deid" in shown.stdout
    assert shown.stderr == ""


def test_verify_reads_a_file_that_had_to_be_mended(ct, write, tmp_path, key, capsys):
    path = write(ct())
    path.write_bytes(path.read_bytes()[132:])  # no preamble
    assert run(tmp_path / "in", tmp_path / "out", key) == 0
    assert main(["verify", str(tmp_path / "in"), str(tmp_path / "out"), "--policy", "research"]) == 0
    assert "0 findings" in capsys.readouterr().out
