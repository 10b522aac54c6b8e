"""The same rows as a table in the terminal and in Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table

Rows = Sequence[Sequence[str]]


def terminal(title: str, header: Sequence[str], rows: Rows, caption: str | None = None) -> Table:
    """A rich table: the first column to the left, the others to the right."""
    table = Table(
        title=title,
        caption=caption,
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        box=box.SIMPLE,
        padding=(0, 1, 0, 0),
    )
    for index, name in enumerate(header):
        table.add_column(name, justify="left" if index == 0 else "right", no_wrap=index == 0)
    for row in rows:
        table.add_row(*row)
    return table


def interval(summary: Mapping[str, Any], digits: int) -> str:
    """Median and interval of a summary of repetitions: ``1,234.5 [1,200.1, 1,250.0]``."""
    median, low, high = (f"{summary[key]:,.{digits}f}" for key in ("median", "low", "high"))
    return f"{median} [{low}, {high}]"


def markdown(header: Sequence[str], rows: Rows) -> str:
    """A Markdown table, ending in a newline."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"

    rule = "|---|" + "---:|" * (len(header) - 1) + "\n"
    return line(header) + rule + "".join(line(row) for row in rows)


def document(
    content: Mapping[str, Any], prose: str, sections: Sequence[tuple[str, Sequence[str], Rows]]
) -> str:
    """The Markdown file of a record: where it comes from, a paragraph, a table a section.

    Args:
        content: of the record, see `results.Record`.
        prose: what the tables mean.
        sections: (title, header, rows) of every table.
    """
    parts = [
        f"# {content['experiment']}: results",
        f"`{content['provenance']['command']}`, {content['provenance']['date']}, "
        f"{content['seconds']:.0f} s. Written by the run; do not edit.",
        prose,
        *(f"## {title}\n\n{markdown(header, rows)}".rstrip() for title, header, rows in sections),
    ]
    return "\n\n".join(parts) + "\n"
