"""A report is one HTML file: words, tables and pictures inside, nothing fetched from anywhere."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from pathlib import Path

from torchcaps.files import write_whole

_STYLE = """
:root { color-scheme: light dark; }
body { font: 17px/1.55 system-ui, sans-serif; max-width: 46rem; margin: 2.5rem auto;
  padding: 0 1rem; color: #1c1c1c; background: #fff; }
h1 { font-size: 1.9rem; line-height: 1.2; } h2 { margin-top: 2.4rem; font-size: 1.25rem; }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }
th, td { padding: .35rem .9rem; text-align: right; border-bottom: 1px solid #8884; 
  white-space: nowrap; font-variant-numeric: tabular-nums; }
th { border-bottom-width: 2px; }
figure { margin: 1.5rem 0; } img { max-width: 100%; background: #fff; border-radius: 4px; }
figcaption { color: #666; font-size: .9rem; }
pre { background: #8881; padding: .8rem; border-radius: 4px; overflow-x: auto; font-size: .85rem; }
footer { margin-top: 3rem; color: #666; font-size: .85rem; }
@media (prefers-color-scheme: dark) {
  body { color: #e6e6e6; background: #171717; } figcaption, footer { color: #aaa; } }
"""


class Report:
    """Collects the parts of a report in reading order, then writes the file."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.parts: list[str] = []

    def heading(self, text: str) -> None:
        self.parts.append(f"<h2>{escape(text)}</h2>")

    def text(self, text: str) -> None:
        self.parts.append(f"<p>{escape(text)}</p>")

    def code(self, text: str) -> None:
        self.parts.append(f"<pre>{escape(text)}</pre>")

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
        )
        self.parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")

    def picture(self, png: bytes, caption: str) -> None:
        data = b64encode(png).decode()
        self.parts.append(
            f'<figure><img src="data:image/png;base64,{data}" alt="{escape(caption)}">'
            f"<figcaption>{escape(caption)}</figcaption></figure>"
        )

    def write(self, path: Path, footer: str) -> Path:
        html = (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(self.title)}</title><style>{_STYLE}</style></head><body>"
            f"<main><h1>{escape(self.title)}</h1>\n" + "\n".join(self.parts) + "</main>"
            f"<footer>{escape(footer)}</footer></body></html>\n"
        )
        return write_whole(path, html)
