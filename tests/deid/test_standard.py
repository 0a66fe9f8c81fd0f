"""The generated facts are what the generator makes of the sources, and complete."""

import importlib.util
from pathlib import Path

from deid import standard

REPOSITORY = Path(__file__).resolve().parents[2]


def test_files_are_what_the_generator_makes(shared_data):
    spec = importlib.util.spec_from_file_location(
        "generate_ps315", REPOSITORY / "scripts" / "generate_ps315.py"
    )
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    sources = shared_data / "standards"
    made = script.generate(
        sources / "ps315_2026d.json", sources / "types_compact.json", sources / "private_tags_template.csv"
    )
    by_tcia = {"private_dispositions.json"}  # scripts/generate_tcia.py; see tests/deid/scoring/test_tcia.py
    by_modules = {"nested_types.json"}  # scripts/generate_iod_types.py
    assert set(made) | by_tcia | by_modules == {path.name for path in standard.FOLDER.iterdir()}
    for name, text in made.items():
        assert (standard.FOLDER / name).read_text() == text, name


def test_table_is_complete():
    assert standard.edition() == "2026d"
    assert len(standard.rows()) == 653  # 657 rows less curves, two overlay rows and the private row
    assert {row.basic for row in standard.rows().values()} == {
        "X", "Z", "D", "U", "X/Z", "X/D", "Z/D", "X/Z/D", "X/Z/U*"
    }  # fmt: skip
    assert len(standard.safe_private()) == 87
    assert standard.attribute_types("1.2.840.10008.5.1.4.1.1.2")[0x00100020] == "2"
    assert standard.attribute_types("1.2.3") is None


def test_every_file_tells_its_source():
    for name in ("confidentiality.json", "content_items.json", "attribute_types.json", "safe_private.json"):
        source = standard._read(name)["source"]
        assert len(source["source_sha256"]) == 64
        assert "NEMA" in source["attribution"]
