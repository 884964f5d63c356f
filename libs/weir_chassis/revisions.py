"""Positions in the history of a context, and whether one that a caller gives is ours and drawn.

A revision is told apart by where it was drawn: context, cluster (the database) and epoch (raised when the database is
restored from a backup). Only revisions of the same origin can be compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from weir.common.v1 import revision_pb2
from weir_chassis.errors import RevisionAhead, RevisionForeign
from weir_chassis.fields import Fields

CONTEXTS_MAX = 16


@dataclass(frozen=True, slots=True)
class Origin:
    """Where revisions are drawn: the context, its database, and that database's epoch."""

    context: str
    cluster: str
    epoch: int

    def revision(self, number: int) -> "Revision":
        """The revision `number` of this origin."""
        return Revision(self.context, self.cluster, self.epoch, number)


@dataclass(frozen=True, slots=True)
class Revision:
    """One commit of a tenant in one context; number 0 stands before the first."""

    context: str
    cluster: str
    epoch: int
    number: int

    @property
    def origin(self) -> Origin:
        """Where it was drawn."""
        return Origin(self.context, self.cluster, self.epoch)

    def includes(self, other: "Revision") -> bool:
        """Whether a state at this revision holds everything up to `other`; never where the origins differ."""
        return self.origin == other.origin and self.number >= other.number

    def to_wire(self) -> revision_pb2.Revision:
        """The message of this revision."""
        return revision_pb2.Revision(context=self.context, cluster=self.cluster, epoch=self.epoch, number=self.number)


Vector = Mapping[str, Revision]
"""At most one revision of each context, by context."""


def from_wire(message: revision_pb2.Revision) -> Revision:
    """The revision of a message that another service of the suite sent; callers' messages go through `revision`."""
    return Revision(message.context, message.cluster, message.epoch, message.number)


def revision(fields: Fields, message: revision_pb2.Revision) -> Revision:
    """A revision that a caller gives; takes notes in `fields` where it cannot be one, not even of another origin."""
    return Revision(
        fields.identifier("context", message.context),
        fields.identifier("cluster", message.cluster),
        fields.number("epoch", message.epoch, least=0, most=2**31 - 1),
        fields.number("number", message.number, least=0, most=2**63 - 1),
    )


def at_least(fields: Fields, freshness: revision_pb2.Freshness) -> Vector:
    """The revisions an answer must include; takes notes where one is malformed or a context is named twice."""
    asked = [
        revision(each, message)
        for each, message in fields.inner("freshness").each("at_least", freshness.at_least, least=0, most=CONTEXTS_MAX)
    ]
    fields.inner("freshness").unique("at_least", [each.context for each in asked])
    return {each.context: each for each in asked}


def check(asked: Vector, origin: Origin, head: int) -> None:
    """Let through what a service that draws its own revisions has drawn: raises RevisionForeign or RevisionAhead.

    `head` is the newest number drawn for the tenant, read after the request came.
    """
    for index, each in enumerate(asked.values()):
        check_one(each, origin, head, field=f"freshness.at_least[{index}]")


def check_one(asked: Revision, origin: Origin, head: int, *, field: str) -> None:
    """The same for one revision that stands in `field`, such as the `after` of a watch."""
    if asked.origin != origin:
        raise RevisionForeign(context=origin.context, field=field)
    if asked.number > head:
        raise RevisionAhead(context=origin.context, number=asked.number, head=head, field=field)
