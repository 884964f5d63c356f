"""Make the schema of a service and its two roles, where they are not there already.

The owner role owns the schema, cannot log in and is only stepped into by migrations. The application's role logs in,
owns nothing and is subject to row-level security.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import secrets

import asyncpg

from weir_chassis.database.transactions import Driver, literal
from weir_chassis.migrations.steps import quoted


class MigrationFailed(Exception):
    """The schema cannot be made or moved forward as asked; the text says what to do."""


async def prepare(owner: Driver, *, schema: str, role: str, password: str | None) -> str:
    """See to the schema, its owner and the application's `role`; returns the owner's name.

    What exists is left as it is, the password of `role` too. Raises MigrationFailed where the one connected lacks a
    right, with the statements that someone else must run.
    """
    try:
        await _make_role(owner, role, _login(password))
        schema_owner = await owner_of(owner, schema)
        if schema_owner is None:
            schema_owner = f"{schema}_owner"
            await _make_role(owner, schema_owner, "NOLOGIN")
            if not await owner.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
                await owner.execute(f"GRANT {quoted(schema_owner)} TO CURRENT_USER")
            await owner.execute(f"CREATE SCHEMA {quoted(schema)} AUTHORIZATION {quoted(schema_owner)}")
        await owner.execute(f"SET ROLE {quoted(schema_owner)}")
        await owner.execute(f"GRANT USAGE ON SCHEMA {quoted(schema)} TO {quoted(role)}")
        await owner.execute("RESET ROLE")
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationFailed(
            f"{error}: WEIR_DATABASE_OWNER_URL must name a role that may create roles and schemas, or someone who may"
            f" runs: CREATE ROLE {quoted(schema + '_owner')} NOLOGIN; CREATE ROLE {quoted(role)} LOGIN PASSWORD '...';"
            f" GRANT {quoted(schema + '_owner')} TO <the role of WEIR_DATABASE_OWNER_URL>;"
            f" CREATE SCHEMA {quoted(schema)} AUTHORIZATION {quoted(schema + '_owner')};"
        ) from error
    if schema_owner == role:
        raise MigrationFailed(
            f"Schema {schema} belongs to {role}, the role of the application: row-level security and append-only tables"
            f" would not bind it. Give the schema to another role."
        )
    return schema_owner


async def owner_of(connection: Driver, schema: str) -> str | None:
    """The role that owns a schema; None where there is no such schema."""
    owner: str | None = await connection.fetchval(
        "SELECT rolname FROM pg_namespace JOIN pg_roles ON pg_roles.oid = nspowner WHERE nspname = $1", schema
    )
    return owner


async def _make_role(connection: Driver, name: str, options: str) -> None:
    if await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", name):
        return
    # A migration of another database of this server may make it at the same moment.
    with contextlib.suppress(asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
        await connection.execute(f"CREATE ROLE {quoted(name)} {options}")


def _login(password: str | None) -> str:
    if password is None:
        return "LOGIN"
    return f"LOGIN PASSWORD {literal(scram_verifier(password))}"


def scram_verifier(password: str) -> str:
    """What Postgres stores for a password (RFC 5803), so that no statement and no log holds the password itself."""
    salt, rounds = secrets.token_bytes(16), 4096
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored_text, server_text = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${rounds}:{salt_text}${stored_text}:{server_text}"
