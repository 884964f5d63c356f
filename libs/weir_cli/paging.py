"""Lists of the contracts, read page by page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from weir.common.v1 import revision_pb2
from weir_cli import tables
from weir_cli.documents import Document, document

PAGE = 1000


@dataclass(frozen=True, slots=True)
class Listed:
    """What a list holds, up to a limit; `more` says that it goes on. What has no history has no revision: an empty
    one.
    """

    name: str
    found: list[Any]
    more: bool
    revision: revision_pb2.Revision

    @property
    def document(self) -> Document:
        """As `--json` prints it."""
        told: Document = {self.name: [document(each) for each in self.found], "more": self.more}
        if self._dated:
            told["revision"] = document(self.revision)
        return told

    @property
    def footnote(self) -> Text:
        """Where in history it stands, and whether that is all."""
        return tables.footnote(*([self.revision] if self._dated else []), note=cut(self.found, self.more))

    @property
    def _dated(self) -> bool:
        return self.revision.ByteSize() > 0


async def listed(
    call: Callable[[Any], Awaitable[Any]], asked: Any, name: str, *, limit: int | None = None, page_size: int = PAGE
) -> Listed:
    """The objects in the field `name` of every page, `limit` at most; `asked` carries the filters."""
    found: list[Any] = []
    while True:
        asked.page_size = page_size if limit is None else min(page_size, limit - len(found))
        page = await call(asked)
        found += getattr(page, name)
        asked.page_token = page.next_page_token
        if not asked.page_token or (limit is not None and len(found) >= limit):
            revision = getattr(page, "revision", None) or revision_pb2.Revision()
            return Listed(name, found, bool(asked.page_token), revision)


def cut(found: Sequence[object], more: bool) -> str:
    """A note that not everything is shown, where that is so."""
    return f"the first {len(found)}; --limit shows more" if more else f"{len(found)} rows"
