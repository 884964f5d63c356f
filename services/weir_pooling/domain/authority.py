"""Who sees what, and who may do what for whom; pure, and the only place that says so.

    | who calls            | names           | custody seen                            | acts for            |
    |----------------------|-----------------|-----------------------------------------|---------------------|
    | an administrator     | everybody       | everybody's                             | everybody           |
    | the hub of a pool    | its pool        | its own, each member's                  | itself, each member |
    | a member of a pool   | its pool        | its own; the hub's while the switch is on | itself            |
    | a person in no pool  | itself          | its own                                 | itself              |

Whoever is not named does not exist for the caller. Nobody takes goods for a recipient whom he sends them to.
"""

from __future__ import annotations

from dataclasses import dataclass

from weir_chassis.configuration.objects import Where
from weir_pooling.domain.people import Actor, Pool, UserRole
from weir_pooling.errors import AuthorityInsufficient, UserNotFound


@dataclass(frozen=True, slots=True)
class Standing:
    """Who calls, under which role, and the pool he is in, if any."""

    user: str
    role: UserRole
    pool: Pool | None = None

    @property
    def administrator(self) -> bool:
        """Whether he may do everything for everybody."""
        return self.role is UserRole.ADMINISTRATOR

    @property
    def persons(self) -> tuple[str, ...]:
        """Those who exist for him, if he is no administrator."""
        return self.pool.persons if self.pool is not None else (self.user,)

    @property
    def hub(self) -> bool:
        """Whether he is the hub of his pool."""
        return self.pool is not None and self.pool.hub == self.user

    def names(self, user: str) -> bool:
        """Whether the person exists for him."""
        return self.administrator or user == self.user or user in self.persons

    def acts_for(self, user: str) -> bool:
        """Whether he may do for the person what the person may do."""
        return self.administrator or user == self.user or (self.hub and self.names(user))

    @property
    def entitled(self) -> frozenset[str] | None:
        """All for whom he acts; None: everybody."""
        if self.administrator:
            return None
        return frozenset(self.pool.persons if self.pool is not None and self.hub else (self.user,))

    def reads(self, user: str) -> bool:
        """Whether he sees what the person is told by name: nobody does for another, but an administrator."""
        return self.administrator or user == self.user

    def sees(self, custodian: str) -> bool:
        """Whether he sees what is in the custody of the person."""
        return self.acts_for(custodian) or self.shares(custodian)

    def shares(self, custodian: str) -> bool:
        """Whether he is a member to whom this hub has opened its stock."""
        pool = self.pool
        return pool is not None and pool.access_hub_stock and custodian == pool.hub and self.user in pool.members

    def actor(self, user: str, action: str) -> Actor:
        """Himself, doing something for the person; raises UserNotFound, AuthorityInsufficient."""
        if not self.names(user):
            raise UserNotFound(user=user)
        if not self.acts_for(user):
            raise self.refusal(user, action)
        return Actor(self.user, user)

    def administering(self, user: str, action: str) -> None:
        """Raise AuthorityInsufficient unless he is an administrator; what is done concerns the person."""
        if not self.administrator:
            raise self.refusal(user, action)

    def sending(self, sender: str, recipient: str, action: str) -> Actor:
        """Himself on the sender's side of a transfer; raises UserNotFound, AuthorityInsufficient.

        A member may ask for what the hub has opened to him, for himself.
        """
        if not (self.names(sender) and self.names(recipient)):
            raise UserNotFound(user=recipient if self.names(sender) else sender)
        if recipient == self.user and self.shares(sender):
            return Actor(self.user, self.user)
        return self.actor(sender, action)

    def receiving(self, sender: str, recipient: str, action: str) -> Actor:
        """Himself on the recipient's side of a transfer, never as its sender; raises UserNotFound,
        AuthorityInsufficient."""
        actor = self.actor(recipient, action)
        if sender == self.user:
            raise self.refusal(recipient, action)
        return actor

    def refusal(self, user: str, action: str) -> AuthorityInsufficient:
        """That he may not do something for the person."""
        return AuthorityInsufficient(user=self.user, acting_for=user, action=action)


def users(who: Standing, where: Where) -> Where:
    """Of the persons asked for those who exist for him."""
    return where if who.administrator else {**where, "user": frozenset(who.persons)}


def pools(who: Standing, where: Where) -> Where:
    """Of the pools asked for those that exist for him: his own."""
    return where if who.administrator else {**where, "person": who.user}


def custodians(who: Standing, where: Where) -> Where:
    """Of what is asked for by `custodian`, what is in the custody of those for whom he acts."""
    if who.entitled is None:
        return where
    asked = where.get("custodian")
    return {**where, "custodian": who.entitled & {str(asked)} if asked else who.entitled}
