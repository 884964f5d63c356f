"""Settings: every fault at once, defaults in their place, and no secret shown."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from weir_chassis.settings import (
    Address,
    AuthSettings,
    DatabaseSettings,
    Fault,
    ServerSettings,
    SettingsFaults,
    TelemetrySettings,
    address,
    choice,
    describe,
    flag,
    group,
    integer,
    load,
    number,
    postgres_url,
    setting,
    text,
    texts,
)


@dataclass(frozen=True)
class Inner:
    """A group with a rule over two of its fields."""

    low: int = setting("WEIR_LOW", "The low end.", integer(0, 9), 1)
    high: int = setting("WEIR_HIGH", "The high end.", integer(0, 9), 5)

    def faults(self) -> Iterator[Fault]:
        """The ends are in order."""
        if self.low > self.high:
            yield Fault("WEIR_LOW", "At most WEIR_HIGH.")


@dataclass(frozen=True)
class Settings:
    """Settings as a service would have them."""

    name: str = setting("WEIR_NAME", "What it is called.", text)
    key: str = setting("WEIR_KEY", "What opens it.", text, "none", secret=True)
    inner: Inner = group(Inner, high=7)


def faults_of(environ: dict[str, str]) -> list[tuple[str, str]]:
    """Every fault of the environment."""
    with pytest.raises(SettingsFaults) as caught:
        load(Settings, environ)
    return [(fault.name, fault.description) for fault in caught.value.faults]


def test_values_and_defaults() -> None:
    """What is set is read; what is not, or is empty, has its default; a group may be given other defaults."""
    loaded = load(Settings, {"WEIR_NAME": " a ", "WEIR_LOW": "3", "WEIR_HIGH": ""})
    assert loaded == Settings(name="a", key="none", inner=Inner(low=3, high=7))


def test_every_fault_is_told_at_once() -> None:
    """Three faults in three places, one answer."""
    assert faults_of({"WEIR_LOW": "x", "WEIR_HIGH": "10"}) == [
        ("WEIR_NAME", "Required. What it is called."),
        ("WEIR_LOW", "Give a whole number from 0 to 9."),
        ("WEIR_HIGH", "Give a whole number from 0 to 9."),
    ]


def test_rules_over_fields_are_asked_beside_other_faults() -> None:
    """A group whose fields could be read is judged even where others could not."""
    assert faults_of({"WEIR_LOW": "8"}) == [
        ("WEIR_NAME", "Required. What it is called."),
        ("WEIR_LOW", "At most WEIR_HIGH."),
    ]


def test_a_secret_is_never_shown(tmp_path: Path) -> None:
    """Neither repr nor a fault nor describe holds a secret, nor what was given in its place."""
    canary = "canary-in-a-mine"
    assert canary not in repr(load(Settings, {"WEIR_NAME": "a", "WEIR_KEY": canary}))
    with pytest.raises(SettingsFaults) as caught:
        load(DatabaseSettings, {"WEIR_DATABASE_URL": canary, "WEIR_DATABASE_OWNER_URL": f"http://{canary}@x/y"})
    assert canary not in str(caught.value)
    assert len(caught.value.faults) == 2
    assert [row.secret for row in describe(Settings)] == [False, True, False, False]


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    """`_FILE` names a file that holds the secret; a missing one, or both, are faults."""
    file = tmp_path / "key"
    file.write_text("opens\n")
    assert load(Settings, {"WEIR_NAME": "a", "WEIR_KEY_FILE": str(file)}).key == "opens"
    assert faults_of({"WEIR_NAME": "a", "WEIR_KEY_FILE": str(file), "WEIR_KEY": "x"}) == [
        ("WEIR_KEY", "Set this or WEIR_KEY_FILE, not both.")
    ]
    missing = faults_of({"WEIR_NAME": "a", "WEIR_KEY_FILE": str(tmp_path / "nowhere")})
    assert missing == [("WEIR_KEY", "The file that WEIR_KEY_FILE names cannot be read: No such file or directory.")]


def test_describe_names_every_variable_with_its_default() -> None:
    """A row each, in the order of the fields, groups within."""
    assert [(row.name, row.default) for row in describe(Settings)] == [
        ("WEIR_NAME", "required"),
        ("WEIR_KEY", "none"),
        ("WEIR_LOW", "1"),
        ("WEIR_HIGH", "7"),
    ]


@pytest.mark.parametrize("cls", [ServerSettings, DatabaseSettings, AuthSettings, TelemetrySettings])
def test_the_groups_of_the_chassis_need_nothing(cls: type) -> None:
    """An empty environment gives working defaults; every row says what it is for."""
    assert load(cls, {}) == cls()
    for row in describe(cls):
        assert row.name.startswith(("WEIR_", "OTEL_"))
        assert row.description.endswith(".")


@pytest.mark.parametrize(
    ("cls", "environ", "names"),
    [
        (ServerSettings, {"WEIR_TLS_CERTIFICATE_FILE": "c"}, ["WEIR_TLS_KEY_FILE"]),
        (ServerSettings, {"WEIR_TLS_KEY_FILE": "k"}, ["WEIR_TLS_CERTIFICATE_FILE"]),
        (ServerSettings, {"WEIR_TLS_CLIENT_CA_FILE": "a"}, ["WEIR_TLS_CLIENT_CA_FILE"]),
        (ServerSettings, {"WEIR_DEADLINE_DEFAULT_SECONDS": "100"}, ["WEIR_DEADLINE_DEFAULT_SECONDS"]),
        (AuthSettings, {"WEIR_AUTH_JWKS": "keys.json"}, ["WEIR_AUTH_ISSUER", "WEIR_AUTH_AUDIENCE"]),
        (AuthSettings, {"WEIR_AUTH_ALGORITHMS": "RS256,none"}, ["WEIR_AUTH_ALGORITHMS"]),
        (AuthSettings, {"WEIR_AUTH_ALGORITHMS": "HS256"}, ["WEIR_AUTH_ALGORITHMS"]),
        (DatabaseSettings, {"WEIR_REQUEST_KEEP_SECONDS": "86399"}, ["WEIR_REQUEST_KEEP_SECONDS"]),
    ],
)
def test_combinations_that_cannot_be(cls: type, environ: dict[str, str], names: list[str]) -> None:
    """What makes no sense together, or is unsafe, is a fault."""
    with pytest.raises(SettingsFaults) as caught:
        load(cls, environ)
    assert [fault.name for fault in caught.value.faults] == names


@pytest.mark.parametrize(
    ("parse", "given", "read"),
    [
        (address, "127.0.0.1:7101", Address("127.0.0.1", 7101)),
        (address, "[::1]:0", Address("::1", 0)),
        (flag, "ON", True),
        (flag, "no", False),
        (integer(0, 5), "5", 5),
        (number(0, 1), "0.25", 0.25),
        (choice("a", "b"), " B ", "b"),
        (texts, "a, b,,c", ("a", "b", "c")),
        (postgres_url, "postgresql://u:p@h1:5432,h2/db?target_session_attrs=read-write", None),
    ],
)
def test_values_that_are_read(parse: object, given: str, read: object) -> None:
    """Each parser reads its own; a URL stays as it is."""
    assert callable(parse)
    assert parse(given) == (given if read is None else read)


@pytest.mark.parametrize(
    ("parse", "given"),
    [
        (address, "localhost"),
        (address, ":7101"),
        (address, "h:65536"),
        (address, "h:-1"),
        (flag, "maybe"),
        (integer(0, 5), "6"),
        (integer(0, 5), "-1"),
        (integer(0, 5), "1.5"),
        (number(0, 1), "nan"),
        (number(0, 1), "1.01"),
        (choice("a", "b"), "c"),
        (postgres_url, "mysql://h/db"),
        (postgres_url, "postgresql://h"),
        (postgres_url, "postgresql:///db"),
    ],
)
def test_values_that_are_not(parse: object, given: str) -> None:
    """What cannot be read is a ValueError that does not repeat it."""
    assert callable(parse)
    with pytest.raises(ValueError, match=r"\.$") as caught:
        parse(given)
    assert given not in str(caught.value)


@pytest.mark.parametrize(
    ("listen", "loopback"),
    [("127.0.0.1:1", True), ("localhost:1", True), ("[::1]:1", True), ("0.0.0.0:1", False), ("[::]:1", False)],
)
def test_loopback_is_known(listen: str, loopback: bool) -> None:
    """Development mode rests on telling loopback from everything else; the text form reads back."""
    assert address(listen).loopback is loopback
    assert str(address(listen)) == listen
