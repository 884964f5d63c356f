"""A law of the books as a statement whose rows are where the books break it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from weir_ledger.domain.audit import Difference, Law
from weir_ledger.domain.chain import ChainHead
from weir_ledger.store import rows

ITEM = "b.owner, b.sku, b.location, b.lot, b.uom, b.custodian, b.condition"
"""What names the stock item of a balance `b`."""


@dataclass(frozen=True, slots=True)
class Check:
    """A `statement` about the books of `:tenant` after `:horizon`, whose commit has `:digest`; and the `sentence` that
    tells of each of its rows.

    A row is a difference: `law`, `booked`, `computed`, the stock item where one is concerned, and whatever else the
    sentence names.
    """

    statement: str
    sentence: str

    async def differences(
        self, connection: AsyncConnection, tenant: str, horizon: ChainHead
    ) -> AsyncIterator[Difference]:
        """What is broken in the snapshot that `connection` reads, a few rows at a time however many there are."""
        parameters = {"tenant": tenant, "horizon": horizon.revision, "digest": horizon.digest}
        found = await connection.stream(text(self.statement), parameters, execution_options={"yield_per": 500})
        async for row in found.mappings():
            yield self._told(row)

    def _told(self, row: RowMapping) -> Difference:
        """A row in a sentence, which begins with the stock item where one is concerned."""
        sentence, item = self.sentence.format(**row), None
        if "sku" in row and row["sku"] is None:
            sentence = f"A stock item without a balance: {sentence}"
        elif "sku" in row:
            item = rows.stock_item(row)
            place = f" at {item.location!r}" if item.location else ""
            sentence = f"{item.sku!r}{place} in {item.uom}: {sentence}"
        return Difference(Law(row["law"]), item, row["booked"], row["computed"], f"{sentence}.")


def whole(units: str) -> str:
    """A sum as the nearest number that a count can be: what was tampered with may add up to anything."""
    return f"least(greatest({units}, -9223372036854775808), 9223372036854775807)::bigint"
