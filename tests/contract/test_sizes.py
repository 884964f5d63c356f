"""Files and functions stay small enough to be read at once, and say what they are for."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.tree import ROOT, modules

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
VAGUE = {"utils", "util", "helpers", "helper", "common", "base", "manager", "impl", "misc"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def ours(*folders: str) -> list[Path]:
    """Return the modules below the folders whose sizes are held; a migration is as long as its tables are many."""
    return [path for path in modules(*folders) if "migrations" not in path.parts]


def functions(path: Path) -> Iterator[Function]:
    """Yield every function of a module, nested ones and methods too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Function):
            yield node


def body_lines(function: Function) -> int:
    """Return how many lines the body takes, its docstring not counted."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def named(path: Path) -> str:
    """Return the path as a reader would write it."""
    return str(path.relative_to(ROOT))


def test_files_are_short() -> None:
    """A file that passes 400 lines becomes a folder of the same name."""
    long = [named(path) for path in ours("libs", "services", "tools") if path.read_text().count("\n") > FILE_LINES_MAX]
    assert long == []


def test_functions_are_short() -> None:
    """No function body passes 70 lines."""
    paths = ours("libs", "services", "tools")
    bodies = [
        (f"{named(path)}:{function.name}", body_lines(function)) for path in paths for function in functions(path)
    ]
    assert [(name, lines) for name, lines in bodies if lines > FUNCTION_LINES_MAX] == []


def test_every_module_says_what_it_is_for() -> None:
    """Every module opens with a docstring, those of the tests and of the migrations too."""
    paths = modules("libs", "services", "tests", "tools")
    assert [named(path) for path in paths if not ast.get_docstring(ast.parse(path.read_text()))] == []


def test_every_test_says_the_law_it_shows() -> None:
    """Every test function has a docstring that is a sentence."""
    tests = [(path, function) for path in modules("tests") for function in functions(path)]
    tests = [(path, function) for path, function in tests if function.name.startswith("test_")]
    silent = [
        f"{named(path)}:{function.name}"
        for path, function in tests
        if not (ast.get_docstring(function) or "").endswith(".")
    ]
    assert tests
    assert silent == []


def test_modules_have_names_that_say_something() -> None:
    """No module of libs or services is named for being of use in general."""
    assert [
        named(path) for path in modules("libs", "services") if path.stem in VAGUE or path.parent.name in VAGUE
    ] == []


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("def f(): pass", 1),
        ('def f():\n    """Doc."""', 0),
        ('def f():\n    """Doc,\n    long."""\n    a = 1\n\n    return a', 3),
        ("async def f():\n    return (\n        1\n    )", 3),
    ],
)
def test_bodies_are_counted_without_their_docstring(source: str, lines: int) -> None:
    """The measure itself: from the first statement after the docstring to the last line of the last one."""
    (function,) = ast.parse(source).body
    assert isinstance(function, Function)
    assert body_lines(function) == lines
