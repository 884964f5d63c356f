"""What decisions about objects of every kind are made of; pure."""

from __future__ import annotations

from dataclasses import replace

from weir_chassis.configuration.objects import Change, Configured, Decision, Key, T
from weir_chassis.errors import EtagStale


def existing(kind: type[T], key: Key, found: T | None, *, etag: str = "") -> T:
    """What was `found` under `key`; raises the kind's `missing`, or EtagStale if it is not the version `etag`."""
    if found is None:
        raise kind.missing(**dict(zip(kind.identity, key, strict=True)))
    check_etag(found, etag)
    return found


def check_absent(wanted: Configured, found: Configured | None) -> None:
    """Raise the kind's `taken` where the identifier is in use."""
    if found is not None:
        raise wanted.taken(**dict(zip(wanted.identity, wanted.key, strict=True)))


def check_etag(current: Configured | None, etag: str) -> None:
    """Raise EtagStale unless the object is the version `etag`, or any is meant."""
    is_now = current.etag if current is not None else ""
    if etag and etag != is_now:
        raise EtagStale(current=is_now)


def written(wanted: T, current: T | None, *first: Change) -> Decision[T]:
    """The decision to store `wanted` where it differs from `current`, after the changes it rests on.

    Until it is stored, the object bears the etag of what it replaces.
    """
    if wanted == current:
        return Decision(current)
    after = replace(wanted, etag=current.etag if current is not None else "")
    return Decision(after, (*first, Change(after)))


def deleted(current: T) -> Decision[T]:
    """The decision to remove an object."""
    return Decision(current, (Change(current, deleted=True),))


def stamped(decision: Decision[T], revision: int) -> Decision[T]:
    """The decision with all that it changes as `revision` stores it; what is deleted keeps the etag it had."""
    if not decision.changes:
        return decision
    return Decision(
        decision.object.stamped(revision),
        tuple(each if each.deleted else Change(each.object.stamped(revision)) for each in decision.changes),
    )
