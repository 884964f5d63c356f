"""A change that would break clients of the protos is refused, whatever the clone knows of history."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.tree import ROOT

PROTO = 'syntax = "proto3";\n\npackage weir.small.v1;\n\nmessage Small {{\n{fields}}}\n'
FIRST = PROTO.format(fields="  string name = 1;\n")
ADDED = PROTO.format(fields="  string name = 1;\n  string note = 2;\n")
BROKEN = PROTO.format(fields="  int64 name = 1;\n")


class Tree:
    """A tree of one proto with a history of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "tools").mkdir(parents=True)
        shutil.copy(ROOT / "tools" / "breaking.py", root / "tools")
        shutil.copy(ROOT / "buf.yaml", root)
        (root / ".venv").symlink_to(ROOT / ".venv")
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("Begin")

    def git(self, *arguments: str) -> None:
        identity = ["-c", "user.name=weir", "-c", "user.email=weir@localhost", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *arguments], cwd=self.root, check=True, capture_output=True)

    def commit(self, message: str, proto: str | None = None) -> None:
        if proto is not None:
            self.write(proto)
        self.git("add", "--all", "--", "buf.yaml", *(["protos"] if (self.root / "protos").exists() else []))
        self.git("commit", "--quiet", "--allow-empty", "--message", message)

    def write(self, proto: str) -> None:
        path = self.root / "protos" / "weir" / "small" / "v1" / "small.proto"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(proto)

    def breaking(self, **environment: str) -> tuple[int, str]:
        """Return the status of the check, and the line that says what it compared with."""
        answer = subprocess.run(
            [sys.executable, "tools/breaking.py"],
            cwd=self.root,
            env={**{name: value for name, value in os.environ.items() if name != "AGAINST"}, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        return answer.returncode, answer.stdout.split("\n")[0]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A tree in a path with a space, with a first commit that holds no protos."""
    return Tree(tmp_path / "a tree")


def test_the_first_contract_breaks_nothing(tree: Tree) -> None:
    """Where no earlier contract is known there is nothing to break, committed or not."""
    nothing = (0, "breaking: no earlier contract in this history, nothing to break")
    tree.write(FIRST)
    assert tree.breaking() == nothing
    tree.commit("Name what is small")
    assert tree.breaking() == nothing


def test_no_history_breaks_nothing(tree: Tree) -> None:
    """A tree that was unpacked without its history is compared with nothing, and the check says so."""
    tree.write(FIRST)
    shutil.rmtree(tree.root / ".git")
    # The folder of a test may lie inside of some repository.
    answer = tree.breaking(GIT_CEILING_DIRECTORIES=str(tree.root.parent))
    assert answer == (0, "breaking: git shows no history here, nothing compared")


def test_an_uncommitted_break_is_refused(tree: Tree) -> None:
    """What is in the tree is compared with what is committed."""
    tree.commit("Name what is small", FIRST)
    tree.write(ADDED)
    assert tree.breaking()[0] == 0
    tree.write(BROKEN)
    status, compared = tree.breaking()
    assert (status != 0, compared.endswith("Name what is small")) == (True, True)


def test_a_committed_break_is_refused(tree: Tree) -> None:
    """The last change of the contract is compared with what was there before, even when other commits came after it."""
    tree.commit("Name what is small", FIRST)
    tree.commit("Break it", BROKEN)
    tree.commit("Do something else")
    status, compared = tree.breaking()
    assert (status != 0, compared.endswith("Name what is small")) == (True, True)


def test_a_break_before_the_last_change_is_refused_where_main_is_known(tree: Tree) -> None:
    """A branch is compared with where it left the main branch, so that no later commit hides a break."""
    tree.commit("Name what is small", FIRST)
    tree.git("update-ref", "refs/remotes/origin/main", "HEAD")
    tree.commit("Break it", BROKEN)
    tree.commit("Note it", PROTO.format(fields="  int64 name = 1;\n  string note = 2;\n"))
    status, compared = tree.breaking()
    assert (status != 0, compared.endswith("Name what is small")) == (True, True)


def test_a_meant_break_is_shown_and_passes(tree: Tree) -> None:
    """A commit that says why it breaks the contract may do so."""
    tree.commit("Name what is small", FIRST)
    tree.commit("Count what is small\n\nBreaks-contract: nobody uses it yet", BROKEN)
    assert tree.breaking()[0] == 0


def test_a_named_commit_is_what_is_compared_with(tree: Tree) -> None:
    """AGAINST names any commit, and one that is not there is an error rather than a pass."""
    tree.commit("Name what is small", FIRST)
    tree.commit("Break it", BROKEN)
    tree.commit("Mend it", FIRST)
    assert tree.breaking(AGAINST="HEAD~2") == (0, tree.breaking(AGAINST="HEAD~2")[1])
    assert tree.breaking(AGAINST="HEAD~1")[0] != 0
    assert tree.breaking(AGAINST="elsewhere")[0] == 1
