"""The lock files pin and hash everything, name no host, and say what `pyproject.toml` asks for."""

import re
from importlib.metadata import version
from itertools import chain

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.contract.tree import ROOT, settings, tracked

PEERS = ["tests/peers/requirements-oscar.lock", "tests/peers/requirements-tryton.lock"]
LOCKS = ["requirements.lock", "requirements-uv.lock"]
GENERATORS = ["grpcio-tools", "mypy-protobuf"]


def locked(name: str) -> list[str]:
    """Return the entries of a lock file, each joined into one line."""
    return (ROOT / name).read_text().replace("\\\n", " ").splitlines()


def asked() -> list[Requirement]:
    """Return what the distribution and its developers ask for."""
    project = settings()
    groups = project["dependency-groups"].values()
    build = project["build-system"]["requires"]
    return [Requirement(line) for line in chain(project["project"]["dependencies"], *groups, build)]


@pytest.mark.parametrize("name", [*LOCKS, *PEERS])
def test_every_locked_distribution_is_pinned_and_hashed(name: str) -> None:
    """Each entry is one exact version with the hashes of its files, and nothing else stands in the file."""
    entry = re.compile(r"[a-z0-9-]+==[^\s;]+( ; [^;]+?)?(\s+--hash=sha256:[0-9a-f]{64})+")
    assert locked(name)
    assert [line for line in locked(name) if not entry.fullmatch(line)] == []


def test_no_lock_file_names_a_host() -> None:
    """No committed lock file, of whatever tool, says where a package is to be fetched from."""
    files = tracked("*.lock", "*lock.json", "*lock.yaml", "go.sum")
    assert {path.name for path in files} >= set(LOCKS)
    hosts = re.compile(r"[a-z]+://|index-url|find-links|trusted-host|^resolved", re.MULTILINE)
    assert [path.name for path in files if hosts.search(path.read_text())] == []


def test_the_lock_satisfies_what_is_asked_for() -> None:
    """Each requirement of `pyproject.toml` is locked, at versions it allows."""
    pins = [Requirement(line.split(" --hash")[0]) for line in locked("requirements.lock")]
    versions: dict[str, list[str]] = {}
    for pin in pins:
        versions.setdefault(canonicalize_name(pin.name), []).extend(spec.version for spec in pin.specifier)
    missing = [str(wish) for wish in asked() if not versions.get(canonicalize_name(wish.name))]
    assert missing == []
    wrong = [
        str(wish) for wish in asked() for pin in versions[canonicalize_name(wish.name)] if pin not in wish.specifier
    ]
    assert wrong == []


def test_uv_brings_itself() -> None:
    """Uv is locked at one version in both files, so that the first step and the others are of one kind."""
    first = [line.split()[0] for line in locked("requirements-uv.lock")]
    assert first == [line.split()[0] for line in locked("requirements.lock") if line.startswith("uv==")]


@pytest.mark.parametrize("name", GENERATORS)
def test_the_generator_is_pinned(name: str) -> None:
    """What writes committed files is pinned exactly, and is what is installed."""
    (wish,) = [wish for wish in asked() if wish.name == name]
    assert str(wish.specifier) == f"=={version(name)}"
