"""Files of a warehouse on an SFTP server: a real one on loopback, spoken to by the real client of OpenSSH."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import asyncssh
import pytest

from weir_sync.connectors.making import Reach
from weir_sync.connectors.port import Away, Denied, Stock
from weir_sync.connectors.settings import read, secret_faults, setting_faults
from weir_sync.connectors.sftp import Sftp, SftpSettings
from weir_sync.connectors.telling import Unreached
from weir_sync.domain.connections import Connection, ConnectorKind, Role
from weir_sync.urls import Guard

CONNECTION = Connection("storehouse", Role.WAREHOUSE, ConnectorKind.SFTP)
HERE = Guard(allow_loopback=True)
WRITTEN = (datetime.now(UTC) - timedelta(days=1)).replace(minute=0, second=7, microsecond=0)


class Files(NamedTuple):
    """A server: its port and key, and the key of the one user that it lets in to his files."""

    port: int
    host_key: str
    user_key: str


def public(key: asyncssh.SSHKey) -> str:
    """The public half of a key, as `ssh-keyscan` tells it."""
    return key.export_public_key().decode().strip()


@asynccontextmanager
async def files(root: Path) -> AsyncIterator[Files]:
    """A server of the files below `root`, for the block."""
    host, user = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))

    def shown(channel: asyncssh.SSHServerChannel[bytes]) -> asyncssh.SFTPServer:
        return asyncssh.SFTPServer(channel, chroot=os.fsencode(root))

    listening = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[host],
        authorized_client_keys=asyncssh.import_authorized_keys(public(user)),
        sftp_factory=shown,
    )
    try:
        yield Files(listening.get_port(), public(host), user.export_private_key().decode())
    finally:
        listening.close()
        await listening.wait_closed()


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Files]:
    """A server of a folder `out`."""
    (tmp_path / "out").mkdir()
    async with files(tmp_path) as running:
        yield running


@asynccontextmanager
async def connector(served: Files, *, guard: Guard = HERE, **others: str) -> AsyncIterator[Sftp]:
    """A connector of its folder, closed at the end of the block."""
    given = {
        "server": f"localhost:{served.port}",
        "host_keys": f"localhost {served.host_key}",
        "user": "stock",
        "folder": "/out",
    }
    key = {"private_key": others.pop("private_key", served.user_key)}
    made, faults = read(SftpSettings, {**given, **others}, key, HERE)
    assert made is not None, faults
    opened = Sftp(made, Reach("acme", CONNECTION, guard))
    try:
        yield opened
    finally:
        await opened.close()


def write(root: Path, quantity: int, name: str = "stock.csv", minutes: int = 0) -> None:
    """A file of one line, written so many minutes after an hour of yesterday."""
    path = root / "out" / name
    path.write_text(f"sku,facility,quantity\nA,North,{quantity}\n")
    at = WRITTEN.timestamp() + 60 * minutes
    os.utime(path, (at, at))


async def test_the_newest_file_is_read_once(served: Files, tmp_path: Path) -> None:
    """It says what there is as of when it was written, to the second; nothing more until there is a newer one."""
    write(tmp_path, 1, "z.csv")
    write(tmp_path, 2, "a.csv", minutes=1)
    write(tmp_path, 3, "b.csv.part", minutes=2)
    async with connector(served) as warehouse:
        [part] = [each async for each in warehouse.stock("")]
        assert part.stock == [Stock("A", "North", 2)]
        assert (part.as_of, part.full) == (WRITTEN.replace(minute=1), True)
        assert [each async for each in warehouse.stock(part.cursor)] == []
        write(tmp_path, 4, "a.csv", minutes=3)
        [part] = [each async for each in warehouse.stock(part.cursor)]
        assert part.stock == [Stock("A", "North", 4)]
        assert await warehouse.probe() == ["North"]
        home = warehouse._home
        assert home is not None
        assert home.exists()
    assert not home.exists()


@pytest.mark.parametrize("days", [0, 300])
async def test_a_file_that_a_listing_does_not_tell_is_read_again(served: Files, tmp_path: Path, days: int) -> None:
    """Another one of the same minute and size may take the place of a new one; of an old one a listing has the day."""
    write(tmp_path, 1)
    at = (datetime.now(UTC) - timedelta(days=days)).timestamp()
    os.utime(tmp_path / "out" / "stock.csv", (at, at))
    async with connector(served) as warehouse:
        [part] = [each async for each in warehouse.stock("")]
        assert len([each async for each in warehouse.stock(part.cursor)]) == 1


async def test_a_folder_without_files(served: Files) -> None:
    """Nothing is told; one that is not there is said to be none."""
    async with connector(served) as warehouse:
        assert [each async for each in warehouse.stock("")] == []
        assert await warehouse.probe() == []
    async with connector(served, folder="/elsewhere") as warehouse:
        with pytest.raises(Denied, match="folder"):
            await warehouse.probe()


async def test_only_the_server_that_is_named_is_believed(served: Files) -> None:
    """One that shows another key is told nothing, and nothing is believed of it."""
    other = public(asyncssh.generate_private_key("ssh-ed25519"))
    async with connector(served, host_keys=other) as warehouse:
        with pytest.raises(Denied, match="another host key"):
            await warehouse.probe()


async def test_a_key_that_does_not_do(served: Files) -> None:
    """Who is not let in says so, without a word of the key."""
    other = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    async with connector(served, private_key=other) as warehouse:
        with pytest.raises(Denied, match="does not let us in") as denied:
            await warehouse.probe()
    assert "KEY" not in str(denied.value)


async def test_a_server_that_is_not_there(served: Files) -> None:
    """It cannot be reached; and an address of this machine is not even tried where that is not allowed."""
    async with connector(served._replace(port=1)) as warehouse:
        with pytest.raises(Unreached):
            await warehouse.probe()
    async with connector(served, guard=Guard()) as warehouse:
        with pytest.raises(Denied, match="public"):
            await warehouse.probe()


async def test_what_is_no_listing_is_no_file(served: Files, tmp_path: Path) -> None:
    """Links, folders, and names that nobody would give a report are not looked at."""
    (tmp_path / "out" / "folder.csv").mkdir()
    (tmp_path / "out" / 'a";quit.csv').write_text("x")
    (tmp_path / "out" / "-rf.csv").symlink_to("/etc/passwd")
    async with connector(served) as warehouse:
        assert [each async for each in warehouse.stock("")] == []


async def test_a_file_that_is_cut_while_it_is_fetched(
    served: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not believed."""
    write(tmp_path, 1)
    async with connector(served) as warehouse:
        say = warehouse._say

        async def cut(command: str) -> str:
            if command.startswith("get"):
                (tmp_path / "out" / "stock.csv").write_text("sku,facility")
            return await say(command)

        monkeypatch.setattr(warehouse, "_say", cut)
        with pytest.raises(Away, match="written to"):
            [each async for each in warehouse.stock("")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("server", "-oProxyCommand=x"),
        ("user", "-l"),
        ("user", "a b"),
        ("folder", 'a";rm'),
        ("folder", "a\nb"),
        ("folder", "-x"),
        ("host_keys", "no key"),
    ],
)
def test_settings_that_do_not_do(name: str, value: str) -> None:
    """What a command line might take for something else is refused."""
    given = {"server": "files.example", "host_keys": "ssh-ed25519 AAAA", "user": "stock", name: value}
    assert [each.name for each in setting_faults(SftpSettings, given, Guard())] == [name]


def test_a_key_with_a_passphrase() -> None:
    """Nobody is there to be asked for it."""
    assert secret_faults(SftpSettings, {"private_key": "x"}, Guard())
    key = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n-----END RSA PRIVATE KEY-----"
    assert secret_faults(SftpSettings, {"private_key": key}, Guard())
