"""How both services hand a write to the books."""

from typing import Any, TypeVar

from weir_chassis import call
from weir_chassis.idempotency import fingerprint
from weir_ledger.domain.command import Command
from weir_ledger.ports import Attempt, Books, Done

R = TypeVar("R")


async def carry_out(books: Books, request: Any, command: Command[R], digest: bytes = b"") -> Done[R]:
    """Carry out what `request`, whose method is named like the command, asks of the books of the caller's tenant.

    A `digest` stands for the contents: of such a request only what was done is kept.
    """
    return await books.carry_out(
        Attempt(
            call.tenant(),
            type(command).__name__,
            request.request_id,
            digest or fingerprint(request),
            command,
            request.validate_only,
            keeps_refusals=not digest,
        )
    )
