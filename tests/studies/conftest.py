"""Reports read back from HTML, and reports of results made up by a test."""

from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path

import pytest

from torchcaps.figures.style import new_figure
from torchcaps.studies import experiment
from torchcaps.studies.experiment import Cost, finish


class Page(HTMLParser):
    """tags with their attributes, and the text between them by the tag around it."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.open, self.in_order = [], {}, [], []
        self.feed(html)
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)
            self.text.setdefault(tag, []).append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.text[self.open[-1]][-1] += data
            if self.open[-1] not in ("style", "script"):
                self.in_order.append((self.open[-1], data))

    def pictures(self):
        """The bytes of every image; fails for one that is not inside the page."""
        found = []
        for tag, attributes in self.tags:
            if tag == "img":
                kind, _, data = attributes["src"].partition(",")
                assert kind in ("data:image/png;base64", "data:image/svg+xml;base64")
                found.append(b64decode(data, validate=True))
        return found


@pytest.fixture
def read_page():
    """An HTML file, parsed."""
    return lambda path: Page(path.read_text())


@pytest.fixture
def snapshot(read_page):
    """Compares the words of a report with those committed beside the tests. After a change that is
    meant, remove the file: the next run writes it anew and fails, so that someone reads it."""

    def check(report, name):
        kept = Path(__file__).parent / "snapshots" / f"{name}.txt"
        page = read_page(report)
        words = "".join(
            f"{tag}: {' '.join(text.split())}\n" for tag, text in page.in_order if text.strip()
        )
        if not kept.is_file():
            kept.parent.mkdir(exist_ok=True)
            kept.write_text(words)
            pytest.fail(f"{kept} was missing and is written: read it, then run the test again")
        assert words == kept.read_text()

    return check


@pytest.fixture
def made_up_report(tmp_path, monkeypatch):
    """The report of a study on results that a test made up, with empty figures, of a machine and a
    version that do not change."""
    monkeypatch.setattr(experiment, "machine", lambda: "A machine")
    monkeypatch.setattr(experiment.torchcaps, "__version__", "1.2.3")

    def render(options, results, models, figures, table, **words):
        costs = {name: Cost(1000 * k, k / 4) for k, name in enumerate(models, 1)}
        empty = {name: new_figure(1, 1) for name in figures}
        return finish(options, results, costs, tmp_path, empty, table, **words).report

    return render
