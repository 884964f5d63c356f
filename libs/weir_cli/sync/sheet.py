"""Lists written whole into a file of CSV, a page in memory at a time."""

from __future__ import annotations

import csv
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.text import Text

from weir_cli import tables
from weir_cli.options import USAGE
from weir_cli.paging import PAGE
from weir_cli.session import Answer


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file that is written over; its columns are the names of the fields, as `--json` has them."""

    path: Path

    async def write(
        self,
        call: Callable[[Any], Awaitable[Any]],
        asked: Any,
        name: str,
        cells: Callable[[Any], Mapping[str, object]],
    ) -> Answer:
        """Every object in the field `name` of every page, a row each."""
        rows = 0
        asked.page_size = PAGE
        try:
            with self.path.open("w", encoding="utf-8", newline="") as file:
                writer: csv.DictWriter[str] | None = None
                while True:
                    page = await call(asked)
                    for row in map(cells, getattr(page, name)):
                        if writer is None:
                            writer = csv.DictWriter(file, list(row), lineterminator="\n")
                            writer.writeheader()
                        writer.writerow({column: "" if value is None else value for column, value in row.items()})
                        rows += 1
                    asked.page_token = page.next_page_token
                    if not asked.page_token:
                        break
        except OSError as error:
            return Answer({"file": str(self.path)}, [Text(f"{self.path}: cannot be written: {error.strerror}.")], USAGE)
        told = f"{tables.counted(rows, 'row')} written to {self.path}."
        return Answer({"file": str(self.path), "rows": rows}, [Text(told)])
