"""Faults of the database are told apart by what can be done about them."""

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from weir_chassis.database.faults import constraint_of, is_lost, is_raced, sqlstate, told_apart
from weir_chassis.database.transactions import literal, opening
from weir_chassis.errors import DatabaseAway, Overloaded


def wrapped(fault: BaseException) -> DBAPIError:
    """The fault as SQLAlchemy hands it on: the driver's own beneath an adapter's."""
    adapter = Exception("adapted")
    adapter.__cause__ = fault
    return DBAPIError("SELECT", None, adapter)


def request_taken() -> asyncpg.UniqueViolationError:
    """Somebody else recorded the same request id first."""
    fault = asyncpg.UniqueViolationError("duplicate key")
    fault.constraint_name = "requests_pkey"
    return fault


LOST = [
    asyncpg.AdminShutdownError("terminating connection due to administrator command"),
    asyncpg.CrashShutdownError("terminating connection because of crash"),
    asyncpg.CannotConnectNowError("the database system is starting up"),
    asyncpg.TooManyConnectionsError("too many clients already"),
    asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
    asyncpg.ConnectionFailureError("gone"),
    asyncpg.InterfaceError("connection is closed"),
    asyncpg.IdleInTransactionSessionTimeoutError("idle too long"),
    asyncpg.InternalClientError("cannot switch to state 11; another operation (2) is in progress"),
    ConnectionResetError("reset by peer"),
]
RACED = [
    asyncpg.SerializationError("could not serialize"),
    asyncpg.DeadlockDetectedError("deadlock detected"),
    asyncpg.InvalidCachedStatementError("cached statement plan is invalid"),
    request_taken(),
]
NEITHER = [
    asyncpg.CheckViolationError("units"),
    asyncpg.UniqueViolationError("another key"),
    asyncpg.InsufficientPrivilegeError("row-level security"),
    asyncpg.InvalidPasswordError("wrong"),
    asyncpg.InterfaceError("cannot perform operation: another operation is in progress"),
    asyncpg.InterfaceError("cannot use Connection.transaction() in a manually started transaction"),
    ValueError("a bug"),
]


@pytest.mark.parametrize("fault", [*LOST, *RACED, *NEITHER], ids=lambda fault: f"{type(fault).__name__}: {fault}"[:40])
def test_each_fault_has_one_meaning(fault: Exception) -> None:
    """Lost, raced or neither; the same whether it comes from the driver or through SQLAlchemy."""
    meaning = (any(fault is each for each in LOST), any(fault is each for each in RACED))
    assert (is_lost(fault), is_raced(fault)) == meaning
    assert (is_lost(wrapped(fault)), is_raced(wrapped(fault))) == meaning


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: type(fault).__name__)
def test_what_is_lost_is_told_as_away(fault: Exception) -> None:
    """Beyond the chassis there is one name for it."""
    with pytest.raises(DatabaseAway), told_apart():
        raise wrapped(fault)


def test_what_else_escapes_has_its_name() -> None:
    """A server that turned read-only is away for a writer; no connection is overload; out of time is TimeoutError."""
    read_only = asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT")
    with pytest.raises(DatabaseAway), told_apart(writing=True):
        raise read_only
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError), told_apart(writing=False):
        raise read_only
    with pytest.raises(Overloaded), told_apart():
        raise NoFreeConnection
    with pytest.raises(TimeoutError), told_apart():
        raise asyncpg.QueryCanceledError("canceling statement due to statement timeout")
    with pytest.raises(ValueError, match="a bug"), told_apart():
        raise ValueError("a bug")


def test_codes_and_constraints_are_read_through_sqlalchemy() -> None:
    """What Postgres said is found beneath the wrappers; what it did not say is None."""
    assert sqlstate(wrapped(request_taken())) == "23505"
    assert constraint_of(wrapped(request_taken())) == "requests_pkey"
    assert sqlstate(ValueError()) is None
    assert constraint_of(asyncpg.DeadlockDetectedError("x")) is None


@pytest.mark.parametrize(
    ("tenant", "quoted"), [("a", "'a'"), ("o'brien", "'o''brien'"), ("''", "''''''"), ("\\'", "'\\'''"), ('"', "'\"'")]
)
def test_literals_cannot_be_left(tenant: str, quoted: str) -> None:
    """Every quote is doubled; a backslash is a character like any other."""
    assert literal(tenant) == quoted


def test_an_opening_names_tenant_and_time() -> None:
    """One text begins the transaction, sets whose it is and how long a statement may take."""
    assert opening("a") == "BEGIN ; SET LOCAL weir.tenant = 'a'"
    assert opening("a", mode="READ ONLY", statement_seconds=1.5) == (
        "BEGIN READ ONLY; SET LOCAL weir.tenant = 'a'; SET LOCAL statement_timeout = 1500"
    )
    assert opening("a", statement_seconds=0.0).endswith("statement_timeout = 1")  # 0 would mean no limit
    with pytest.raises(AssertionError):
        opening("")
    with pytest.raises(AssertionError):
        opening("a\0b")
