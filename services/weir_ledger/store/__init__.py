"""The ports on Postgres: a write path that commits in groups, and readers, on one schema.

`writer` queues and retries, `group` carries one group out, `writing` writes what it changed, `statements` holds the
SQL of that path, `outcomes` what is kept under a request id, `keys` names stock items. `reader` answers questions,
`past` those of the past, `waiting` and `demands` are what is written and read of what waits, each demand as the text
that `told` makes of it, `demanded` what orders were promised, `snapshots` and `imports` what an import writes and
reads, `whole` exports and audits all there is, by the laws in `audit`. `closing` copies balances and opens months as
time goes by, `compaction` puts old history away.
"""

from weir_chassis.database import Database
from weir_ledger.domain.limits import Limits
from weir_ledger.store.closing import Closer
from weir_ledger.store.demanded import DemandedReader
from weir_ledger.store.demands import DemandReader
from weir_ledger.store.imports import ImportReader
from weir_ledger.store.past import PastReader
from weir_ledger.store.reader import Reader
from weir_ledger.store.whole import WholeReader
from weir_ledger.store.writer import Writer


class PostgresBooks(Writer, Reader, DemandReader, DemandedReader, PastReader, ImportReader, WholeReader, Closer):
    """The books of all tenants in one schema of Postgres."""

    def __init__(self, database: Database, *, queue_max: int, limits: Limits) -> None:
        """Keep the books in `database` within `limits`; at most `queue_max` writes of one tenant wait."""
        Writer.__init__(self, database, queue_max=queue_max, limits=limits)
        WholeReader.__init__(self, database)
