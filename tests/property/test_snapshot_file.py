"""What is written as a file of figures is what is read from it, wherever reading begins."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from weir_cli.snapshot.file import SnapshotFile

NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Zs")), min_size=1, max_size=20)
"""Identifiers, with all that CSV has to quote."""
FIGURES = st.lists(st.tuples(NAMES, NAMES, st.integers(0, 10**9), st.sampled_from(["", "\r\n", "bad"])), max_size=30)


@given(figures=FIGURES, first=st.integers(1, 35), mark=st.booleans(), newline=st.sampled_from(["\n", "\r\n", "\r"]))
def test_every_figure_is_read_as_it_was_written(
    figures: list[tuple[str, str, int, str]], first: int, mark: bool, newline: str
) -> None:
    """Each row has its number, blank lines or not, and bad rows are empty lines in their places: so a stream that is
    resumed at any line sends the same figures under the same numbers.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=newline)
    writer.writerow(["sku", "location", "quantity"])
    for sku, location, quantity, oddity in figures:
        writer.writerow([sku, location, "many" if oddity == "bad" else quantity])
        text.write(newline if oddity == "\r\n" else "")
    file = SnapshotFile(io.BytesIO(text.getvalue().encode("utf-8-sig" if mark else "utf-8")))
    judged = file.judge()
    assert judged.rows == len(figures)
    assert judged.faulty == sum(oddity == "bad" for *_, oddity in figures)
    read = {
        number: (line.stock_item.product.sku, line.stock_item.location, line.quantity)
        for start, batch in file.batches(first)
        for number, line in enumerate(batch, start)
    }
    assert read == {
        number: ("", "", 0) if oddity == "bad" else (sku, location, quantity)
        for number, (sku, location, quantity, oddity) in enumerate(figures, 1)
        if number >= first
    }
