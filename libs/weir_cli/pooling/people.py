"""Persons and their pools."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from rich.console import RenderableType
from rich.text import Text

from weir.pooling.v1 import pool_pb2, pooling_service_pb2
from weir_cli import tables
from weir_cli.documents import document, word
from weir_cli.paging import listed
from weir_cli.session import Answer, Session, changed


async def users(session: Session, asked: pooling_service_pb2.ListUsersRequest, *, limit: int) -> Answer:
    """Persons, `limit` at most; `asked` carries the filters."""
    found = await listed(session.pooling.ListUsers, asked, "users", limit=limit)
    return Answer(found.document, [_users(found.found), found.footnote])


async def user(session: Session, name: str) -> Answer:
    """One person."""
    response = await session.pooling.GetUser(pooling_service_pb2.GetUserRequest(user=name))
    return Answer(document(response), [_users([response.user]), tables.footnote(response.revision)])


async def create_user(session: Session, made: pool_pb2.User, *, check: bool) -> Answer:
    """Add a person."""
    request = pooling_service_pb2.CreateUserRequest(request_id=session.change(), user=made, validate_only=check)
    response = await session.pooling.CreateUser(request)
    return changed(session, response, [_users([response.user])], check=check)


async def change_user(session: Session, name: str, change: Callable[[pool_pb2.User], None], *, check: bool) -> Answer:
    """Replace what `change` sets; a person who is so already is left alone, so that this may be repeated."""
    request_id = session.change()
    found = await session.pooling.GetUser(pooling_service_pb2.GetUserRequest(user=name))
    wanted = pool_pb2.User()
    wanted.CopyFrom(found.user)
    change(wanted)
    if wanted == found.user:
        return changed(session, found, [_users([found.user])], check=check)
    request = pooling_service_pb2.UpdateUserRequest(request_id=request_id, user=wanted, validate_only=check)
    response = await session.pooling.UpdateUser(request)
    return changed(session, response, [_users([response.user])], check=check)


async def remove_user(session: Session, name: str, *, check: bool) -> Answer:
    """Remove a person."""
    request = pooling_service_pb2.DeleteUserRequest(request_id=session.change(), user=name, validate_only=check)
    response = await session.pooling.DeleteUser(request)
    return changed(session, response, [Text(f"{name} is nobody here any more.")], check=check)


async def pools(session: Session, *, limit: int) -> Answer:
    """Pools, `limit` at most."""
    found = await listed(session.pooling.ListPools, pooling_service_pb2.ListPoolsRequest(), "pools", limit=limit)
    return Answer(found.document, [_pools(found.found), found.footnote])


async def pool(session: Session, name: str) -> Answer:
    """One pool with its members."""
    response = await session.pooling.GetPool(pooling_service_pb2.GetPoolRequest(pool=name))
    return Answer(document(response), [*pool_shown(response.pool), tables.footnote(response.revision)])


async def create_pool(session: Session, made: pool_pb2.Pool, *, check: bool) -> Answer:
    """Add a pool."""
    request = pooling_service_pb2.CreatePoolRequest(request_id=session.change(), pool=made, validate_only=check)
    response = await session.pooling.CreatePool(request)
    return changed(session, response, pool_shown(response.pool), check=check)


async def change_pool(session: Session, name: str, change: Callable[[pool_pb2.Pool], None], *, check: bool) -> Answer:
    """Replace what `change` sets; a pool that is so already is left alone, so that this may be repeated."""
    request_id = session.change()
    found = await session.pooling.GetPool(pooling_service_pb2.GetPoolRequest(pool=name))
    wanted = pool_pb2.Pool()
    wanted.CopyFrom(found.pool)
    change(wanted)
    if wanted == found.pool:
        return changed(session, found, pool_shown(found.pool), check=check)
    request = pooling_service_pb2.UpdatePoolRequest(request_id=request_id, pool=wanted, validate_only=check)
    response = await session.pooling.UpdatePool(request)
    return changed(session, response, pool_shown(response.pool), check=check)


def joining(persons: Sequence[str]) -> Callable[[pool_pb2.Pool], None]:
    """These become members too."""
    return lambda pool: _set_members(pool, {*pool.members, *persons})


def leaving(persons: Sequence[str]) -> Callable[[pool_pb2.Pool], None]:
    """These are members no more."""
    return lambda pool: _set_members(pool, set(pool.members) - set(persons))


def _set_members(pool: pool_pb2.Pool, members: Collection[str]) -> None:
    pool.members[:] = sorted(members)


async def switch(session: Session, name: str, *, on: bool, check: bool) -> Answer:
    """Let members see and use what is in the hub's custody, or not."""
    request = pooling_service_pb2.SetHubAccessRequest(
        request_id=session.change(), pool=name, access_hub_stock=on, validate_only=check
    )
    response = await session.pooling.SetHubAccess(request)
    return changed(session, response, pool_shown(response.pool), check=check)


async def remove_pool(session: Session, name: str, *, check: bool) -> Answer:
    """Remove a pool; its persons stay."""
    request = pooling_service_pb2.DeletePoolRequest(request_id=session.change(), pool=name, validate_only=check)
    response = await session.pooling.DeletePool(request)
    return changed(session, response, [Text(f"Pool {name} is gone; its persons are in none now.")], check=check)


def _users(found: Iterable[pool_pb2.User]) -> RenderableType:
    made = tables.table("user", "role", "channel", "name")
    for each in found:
        made.add_row(each.user, word(each, "role"), each.channel, Text(each.display_name, style="dim"))
    return made


def _pools(found: Iterable[pool_pb2.Pool]) -> RenderableType:
    made = tables.table("pool", "hub", "#members", "hub stock", "name")
    for each in found:
        made.add_row(
            each.pool, each.hub, tables.number(len(each.members)), _switched(each), Text(each.display_name, style="dim")
        )
    return made


def pool_shown(found: pool_pb2.Pool) -> list[RenderableType]:
    """One pool with its members."""
    members = Text(", ".join(found.members)) if found.members else Text("none", style="dim")
    return [_pools([found]), Text.assemble(("members: ", "dim"), members)]


def _switched(found: pool_pb2.Pool) -> Text:
    return Text("shared", style="green") if found.access_hub_stock else Text("not shared", style="yellow")
