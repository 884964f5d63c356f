"""Name a stock item by sixteen bytes, written as 32 hexadecimal digits; the driver takes them for a uuid."""

from hashlib import blake2b

from weir_ledger.domain.stock import StockItem


def key(item: StockItem) -> str:
    """The key of a stock item's balance within its tenant: a digest of its fields.

    Known without asking the database, equal in every process, and an order of locking that all writers share. The
    fields hold no control characters, so what is joined by one cannot be read in two ways; two stock items with one
    key are beyond chance.
    """
    fields = (item.owner, item.sku, item.location, item.lot, item.uom, item.custodian, str(int(item.condition)))
    return blake2b("\x1f".join(fields).encode(), digest_size=16).hexdigest()
