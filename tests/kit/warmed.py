"""The command with all that it ever imports: importing this takes long, and a process forked afterwards takes no time.

Much is imported only when a line is read; so one is, that cannot be meant, and one whose help is asked for.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from typer.testing import CliRunner

import weir_cli
from weir_cli.main import app

for module in pkgutil.walk_packages(weir_cli.__path__, "weir_cli."):
    if not module.name.endswith("__main__"):
        import_module(module.name)
for words in (["levels", "--limit", "0"], ["levels", "--help"]):
    CliRunner().invoke(app, words)
