"""What a tour says and shows, and whether all of it held."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

WAIT_SECONDS = 5.0
"""How long something that is told may take to be so."""


class Tour:
    """What the tour says, and whether all of it held."""

    def __init__(self, console: Console) -> None:
        """Nothing said yet."""
        self.console = console
        self._chapters = 0
        self._failed: list[str] = []
        self._concluded = False

    @property
    def complete(self) -> bool:
        """Whether the tour came to its end and all that was said held."""
        return self._concluded and not self._failed

    def chapter(self, title: str, what: str) -> None:
        """Begin a new part."""
        self._chapters += 1
        self.console.print()
        self.console.print(Rule(Text(f"{self._chapters}  {title}", style="bold"), align="left", style="dim"))
        self.console.print(Text(what, style="dim"))

    def show(self, *shown: RenderableType) -> None:
        """Something to look at."""
        for each in shown:
            self.console.print(Padding(each, (0, 0, 0, 2), expand=False))

    def give(self, lines: Iterable[Text]) -> None:
        """Lines to copy: the terminal may wrap them, but nothing is put into them."""
        for each in lines:
            self.console.print(each, soft_wrap=True)

    def holds(self, sentence: str, held: bool) -> None:
        """Something that must be so."""
        mark = ("✓ ", "green") if held else ("✗ ", "bold red")
        self.console.print(Text.assemble(mark, sentence))
        if not held:
            self._failed.append(sentence)

    def conclude(self) -> None:
        """The tour came to its end."""
        self._concluded = True
        self.console.print()
        if self._failed:
            self.console.print(Text(f"{len(self._failed)} statements did not hold.", style="bold red"))
        else:
            self.console.print(Text("All of it held.", style="bold green"))
