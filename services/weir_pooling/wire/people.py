"""Messages of users and pools, in both directions; readers refuse all bad fields at once."""

from __future__ import annotations

from weir.pooling.v1 import pool_pb2 as pb
from weir.pooling.v1 import pooling_service_pb2 as service_pb
from weir_chassis.configuration.objects import Change, Named, Where
from weir_chassis.configuration.wire import etag
from weir_chassis.fields import Fields
from weir_chassis.idempotency import Attempt
from weir_chassis.revisions import Vector, at_least
from weir_pooling.domain.people import Pool, Switch, User
from weir_pooling.wire.reading import attempt, display_name, part
from weir_pooling.wire.words import ROLES, ROLES_TOLD

MEMBERS_MAX = 1000


def user(request: service_pb.CreateUserRequest | service_pb.UpdateUserRequest) -> tuple[Attempt, User]:
    """A person as he shall be."""
    with Fields() as fields:
        asked, inner = request.user, part(fields, request, "user")
        return attempt(fields, request), User(
            user=inner.identifier("user", asked.user),
            role=inner.enum("role", asked.role, ROLES),
            display_name=display_name(inner, asked),
            channel=inner.identifier("channel", asked.channel, optional=True),
            etag=etag(inner, asked),
        )


def user_listing(request: service_pb.ListUsersRequest) -> tuple[Where, Vector]:
    """The role that persons listed must have, if the request names one, and how fresh."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        where: Where = {"role": fields.enum("role", request.role, ROLES)} if request.role else {}
        return where, at_least(fields, request.freshness)


def pool(request: service_pb.CreatePoolRequest | service_pb.UpdatePoolRequest) -> tuple[Attempt, Pool]:
    """A pool as it shall be."""
    with Fields() as fields:
        asked, inner = request.pool, part(fields, request, "pool")
        if asked.hub and asked.hub in asked.members:
            inner.refuse("members", "None is the hub itself.")
        return attempt(fields, request), Pool(
            pool=inner.identifier("pool", asked.pool),
            hub=inner.identifier("hub", asked.hub),
            display_name=display_name(inner, asked),
            members=tuple(sorted(inner.identifiers("members", asked.members, most=MEMBERS_MAX))),
            access_hub_stock=asked.access_hub_stock,
            etag=etag(inner, asked),
        )


def switch(request: service_pb.SetHubAccessRequest) -> tuple[Attempt, Switch]:
    """How the switch of a pool shall stand."""
    with Fields() as fields:
        named = Named(Pool, (fields.identifier("pool", request.pool),), etag(fields, request))
        return attempt(fields, request), Switch(named, request.access_hub_stock)


def to_user(user: User) -> pb.User:
    """A person."""
    return pb.User(
        user=user.user,
        role=ROLES_TOLD[user.role],
        display_name=user.display_name,
        channel=user.channel,
        etag=user.etag,
    )


def to_pool(pool: Pool) -> pb.Pool:
    """A pool."""
    return pb.Pool(
        pool=pool.pool,
        display_name=pool.display_name,
        hub=pool.hub,
        members=pool.members,
        access_hub_stock=pool.access_hub_stock,
        etag=pool.etag,
    )


def to_object(change: Change) -> service_pb.PoolingObject:
    """A person or a pool."""
    match change.object:
        case User() as user:
            return service_pb.PoolingObject(user=to_user(user))
        case Pool() as pool:
            return service_pb.PoolingObject(pool=to_pool(pool))
    raise AssertionError(change)


def to_change(change: Change) -> service_pb.PoolingChange:
    """A change of a person or a pool, with the object as it stands after it."""
    return service_pb.PoolingChange(object=to_object(change), deleted=change.deleted)
