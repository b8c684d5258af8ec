"""Every measured number of the README and of docs/ is one that a benchmark recorded, and `make bench` prints it."""

import re
import shutil
from pathlib import Path

import pytest

from benchmarks import __main__ as bench
from benchmarks import readme, records

PAGES = readme.PAGES
README = PAGES[0]
TEXT = README.read()
CLAIMS = [(page, claim) for page in PAGES for claim in page.claims()]


def pages(value: object) -> str:
    """The name of a test's case."""
    return value.path if isinstance(value, readme.Page) else getattr(value, "words", str(value))


@pytest.fixture
def own_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the records that a test may change."""
    for file in records.FOLDER.glob("*.md"):
        shutil.copy(file, tmp_path)
    monkeypatch.setattr(records, "FOLDER", tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=pages)
def test_every_number_of_a_page_is_a_records_or_no_measurement(page):
    assert readme.problems(page.read(), page) == []


def test_bench_prints_every_claim_with_its_record_its_command_and_its_day():
    printed = list(readme.run())
    for page, claim in CLAIMS:
        assert any(
            page.path in line
            and claim.record in line
            and all(figure in line for figure in claim.figures)
            and "20" in line
            for line in printed
        ), claim
    assert not any("differs" in line for line in printed)


@pytest.mark.parametrize("record", sorted({claim.record for _, claim in CLAIMS}))
def test_every_record_names_the_command_that_made_it_and_the_day(record):
    command, day = records.made_by(record)
    names = command.removeprefix("python -m benchmarks").lstrip(".").split()
    assert command == "make bench" or (records.FOLDER / f"{names[0]}.py").is_file()
    assert day.startswith("20")


def test_bench_runs_only_benchmarks_that_exist():
    for name in bench.NAMES:
        assert (records.FOLDER / f"{name}.py").is_file()


@pytest.mark.parametrize(
    ("sentence", "number"),
    [
        ("A photo takes 1.7 s.", "1.7"),
        ("Answers in 40ms.", "40"),
        ("It is 2.5× as fast as NetworkX.", "2.5"),
        ("On 1,234,567 photos.", "1,234,567"),
        ("Found in 12 % of all photos,", "12"),
        ("| a method of ours | **3.14** | 5 |", "3.14"),
        ("It is twice as fast.", "twice"),
        ("A tenfold gain.", "tenfold"),
        ("Trained in three hours.", "hours"),
    ],
)
@pytest.mark.parametrize("page", PAGES, ids=pages)
def test_a_number_that_no_record_has_is_found(page, sentence, number):
    found = readme.problems(f"{page.read()}\n{sentence}\n", page)
    assert any(f"'{number}' in '{sentence}'" in problem for problem in found)


def test_names_code_and_addresses_are_no_numbers():
    harmless = "AP50 of the 3D cut in v2.1 under Apache-2.0 by ViT-S16, `beta=0.3`, [a page](https://x.org/12/34).\n\n"
    assert readme.problems(f"{TEXT}\n{harmless}```\ncuts3d --beta 0.45\n```\n", README) == []


@pytest.mark.parametrize(("page", "claim"), CLAIMS, ids=pages)
def test_another_figure_in_the_place_of_a_recorded_one_is_found_and_put_right(page, claim):
    text = page.read()
    place = claim.pattern.search(text)
    assert place is not None
    begin, end = place.span(1)
    wrong = f"{text[:begin]}98765{text[end:]}"
    assert any("98765" in problem and claim.record in problem for problem in readme.problems(wrong, page))
    assert readme.corrected(wrong, page) == text


@pytest.mark.parametrize(("page", "claim"), CLAIMS, ids=pages)
def test_a_claim_that_left_its_page_is_found(page, claim):
    without = claim.pattern.sub("", page.read())
    assert any(f"'{claim.words}' stands 0 times" in problem for problem in readme.problems(without, page))


@pytest.mark.parametrize("page", PAGES, ids=pages)
def test_words_that_describe_a_number_no_longer_there_are_found(page):
    words = next(iter(page.descriptions))
    without = re.sub(re.escape(words).replace(r"\ ", r"\s+"), "", page.read())
    assert any(words in problem for problem in readme.problems(without, page))


@pytest.mark.parametrize(
    ("page", "record", "start"),
    [
        ("README.md", "ablation.md", "| ours, adaptive N"),
        ("README.md", "detector.md", "| shipped"),
        ("docs/labels.md", "extract.md", "| cuts3d: images"),
        ("docs/training.md", "detector.md", "| shipped"),
    ],
)
def test_a_record_that_changes_without_its_page_is_found(own_records, page, record, start):
    page = next(one for one in PAGES if one.path == page)
    text = (own_records / record).read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith(start))
    name, figures = row[2:].split(" | ", 1)
    changed = re.sub(r"\d+\.\d+", "77.77", figures, count=1)
    (own_records / record).write_text(text.replace(row, f"| {name} | {changed}", 1), encoding="utf-8")
    found = readme.problems(page.read(), page)
    assert found
    assert all(record in problem for problem in found)
    assert readme.problems(readme.corrected(page.read(), page), page) == []


def test_a_record_that_lost_a_row_says_so(own_records):
    text = (own_records / "ablation.md").read_text(encoding="utf-8")
    (own_records / "ablation.md").write_text(text.replace("| ProMerge", "| Another"), encoding="utf-8")
    with pytest.raises(KeyError, match="ProMerge"):
        README.claims()


def test_figures_are_read_out_of_cells_with_units_spreads_and_several_values(own_records):
    head = "| what | figure |\n|:--|--:|\n"
    rows = (
        "| rate; ratio | 1.80 (1.70 to 1.89); 1.15 (1.14 to 1.15) |\n| `file` | **19 MB** |\n| cost | 1,396 / 1.0 |\n"
    )
    text = f"## one\n\n{head}{rows}\n## two\n\n{head}| rate | 9 |\n"
    (own_records / "made.md").write_text(text, encoding="utf-8")
    assert records.median("made.md", "rate", "one", part=1) == "1.15"
    assert records.median("made.md", "file", "one") == "19"
    assert records.median("made.md", "cost", "one") == "1,396"
    with pytest.raises(KeyError):
        records.median("made.md", "rate", "three")
