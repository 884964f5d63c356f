"""The rooms keep to what they may import, and the contracts that say so would notice if one did not."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.tree import ROOT, contracts, settings

LINT = "from importlinter.cli import lint_imports_command as run; run(['--no-logo', '--no-cache'])"

TRESPASSES = {
    "libs/weir_chassis/paging.py": "import weir_ledger.errors",
    "services/weir_sharing/peers.py": "import weir_ledger.errors",
    "services/weir_ledger/errors.py": "import weir_ledger.domain",
    "services/weir_ledger/utils.py": "",
    "services/weir_ledger/servicer.py": "import weir_ledger.store",
    "services/weir_ledger/domain.py": "import time",
    "libs/weir_allocation/supply.py": "import random",
    "services/weir_ledger/handlers.py": "import weir.ledger",
    "services/weir_ledger/store/writer.py": "import weir_ledger.wire",
    "services/weir_ledger/memory.py": "import sqlalchemy",
    "services/weir_ledger/wire.py": "",
    "libs/weir/ledger/__init__.py": "",
    "services/weir_ledger/store/__init__.py": "",
}


def lint(root: Path, packages: Path) -> subprocess.CompletedProcess[str]:
    """Run the import contracts of `root` over the packages below `packages`."""
    places = os.pathsep.join([str(packages / "libs"), str(packages / "services")])
    environment = {**os.environ, "PYTHONPATH": places, "COLUMNS": "400"}
    command = [sys.executable, "-c", LINT]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


def external_names() -> list[str]:
    """Return every module outside the tree that a contract forbids to someone."""
    own = settings()["tool"]["importlinter"]["root_packages"]
    named = {name for contract in contracts() for name in contract.get("forbidden_modules", [])}
    return sorted(name for name in named if not name.startswith("*.") and name.partition(".")[0] not in own)


def test_every_room_keeps_to_its_imports() -> None:
    """The tree as it stands breaks no import contract."""
    answer = lint(ROOT, ROOT)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_every_contract_notices_a_trespass(tmp_path: Path) -> None:
    """In a tree of the same packages where each kind of trespass is planted, every contract is broken by it."""
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    for package in settings()["tool"]["importlinter"]["root_packages"]:
        home = "services" if (ROOT / "services" / package).is_dir() else "libs"
        (tmp_path / home / package).mkdir(parents=True)
        (tmp_path / home / package / "__init__.py").touch()
    for name, line in TRESPASSES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(line + "\n")
    answer = lint(tmp_path, tmp_path)
    assert answer.returncode == 1, answer.stdout + answer.stderr
    kept = [contract["name"] for contract in contracts() if f"{contract['name']} BROKEN" not in answer.stdout]
    assert not kept, answer.stdout
    importers = [".".join(Path(name).with_suffix("").parts[1:]) for name, line in TRESPASSES.items() if line]
    unseen = [importer for importer in importers if f"{importer} " not in answer.stdout]
    assert not unseen, answer.stdout
    assert "weir_ledger.utils" in answer.stdout, "a room that no layer names"


@pytest.mark.parametrize("name", external_names())
def test_every_forbidden_module_exists(name: str) -> None:
    """A forbidden name that is misspelt would forbid nothing, so each one is imported here."""
    importlib.import_module(name)


def test_every_package_is_under_contract() -> None:
    """A package in libs or services is a root of the contracts, and each service stands in both lists of layers."""
    services = sorted(path.parent.name for path in (ROOT / "services").glob("*/__init__.py"))
    libraries = sorted(path.parent.name for path in (ROOT / "libs").glob("*/__init__.py"))
    assert sorted(settings()["tool"]["importlinter"]["root_packages"]) == sorted(services + libraries)
    layers = {contract["name"]: contract for contract in contracts() if contract["type"] == "layers"}
    assert sorted(layers["The rooms of a service"]["containers"]) == services
    top = next(contract for name, contract in layers.items() if name.startswith("Services stand on"))["layers"][0]
    assert set(services) < set(top.split(" | "))
