"""Users and pools: one function for each request about them, and for what a caller may see of them."""

from __future__ import annotations

from weir_chassis.configuration.handlers import found
from weir_chassis.configuration.objects import Decision, Key, Named
from weir_chassis.configuration.ports import Objects
from weir_chassis.configuration.rules import deleted, existing
from weir_pooling.domain import pools as rules
from weir_pooling.domain.authority import Standing
from weir_pooling.domain.people import Pool, Switch, User
from weir_pooling.errors import PoolNotFound, UserNotFound
from weir_pooling.handlers.standing import caller, pool_of, standing


async def create_user(objects: Objects, wanted: User) -> Decision[User]:
    """Add a person."""
    (await standing(objects, caller())).administering(wanted.user, "CreateUser")
    return rules.create_user(wanted, await objects.get(User, wanted.key), seller=await _seller(objects, wanted))


async def update_user(objects: Objects, wanted: User) -> Decision[User]:
    """Replace all of a person but the identifier."""
    who = await standing(objects, caller())
    await user(objects, who, wanted.key)
    who.administering(wanted.user, "UpdateUser")
    return rules.update_user(
        wanted,
        await objects.get(User, wanted.key),
        seller=await _seller(objects, wanted),
        pool=await pool_of(objects, wanted.user),
    )


async def create_pool(objects: Objects, wanted: Pool) -> Decision[Pool]:
    """Add a pool."""
    (await standing(objects, caller())).administering(wanted.hub, "CreatePool")
    return rules.create_pool(
        wanted,
        await objects.get(Pool, wanted.key),
        persons=await _persons(objects, wanted),
        pools=await _pools(objects, wanted),
    )


async def update_pool(objects: Objects, wanted: Pool) -> Decision[Pool]:
    """Replace all of a pool but the identifier."""
    who = await standing(objects, caller())
    who.administering((await pool(objects, who, wanted.key)).hub, "UpdatePool")
    return rules.update_pool(
        wanted,
        await objects.get(Pool, wanted.key),
        persons=await _persons(objects, wanted),
        pools=await _pools(objects, wanted),
    )


async def delete_pool(objects: Objects, named: Named[Pool]) -> Decision[Pool]:
    """Remove a pool."""
    who = await standing(objects, caller())
    who.administering((await pool(objects, who, named.key)).hub, "DeletePool")
    return deleted(await found(objects, named))


async def set_hub_access(objects: Objects, wanted: Switch) -> Decision[Pool]:
    """Turn the switch of a pool."""
    who = await standing(objects, caller())
    who.administering((await pool(objects, who, wanted.pool.key)).hub, "SetHubAccess")
    return rules.set_hub_access(await found(objects, wanted.pool), on=wanted.on)


async def user(objects: Objects, who: Standing, key: Key) -> User:
    """A person whom the caller may see; raises UserNotFound."""
    if not who.names(key[0]):
        raise UserNotFound(user=key[0])
    return existing(User, key, await objects.get(User, key))


async def pool(objects: Objects, who: Standing, key: Key) -> Pool:
    """A pool that the caller may see: his own, or for an administrator any; raises PoolNotFound."""
    if not who.administrator and (who.pool is None or who.pool.key != key):
        raise PoolNotFound(pool=key[0])
    return existing(Pool, key, await objects.get(Pool, key))


async def _seller(objects: Objects, wanted: User) -> User | None:
    """Who sells through the channel that a person shall sell through."""
    if not wanted.channel:
        return None
    sellers = await objects.select(User, {"channel": wanted.channel}, limit=1)
    return sellers[0] if sellers else None


async def _persons(objects: Objects, wanted: Pool) -> dict[str, User]:
    """Those of a pool's people who exist."""
    return {each.user: each for each in await objects.select(User, {"user": frozenset(wanted.persons)})}


async def _pools(objects: Objects, wanted: Pool) -> list[Pool]:
    """All pools that any of a pool's people is in."""
    return await objects.select(Pool, {"person": frozenset(wanted.persons)})
