"""What the aggregator knows, tenant by tenant, in memory: counts, network, levels, and how they came to change.

`state` answers from it, `following` keeps it in step with ledger and sharing, `watching` tells of its changes,
`tenants` holds one for each tenant. Below them: `balances` (the counts as arrays), `book` (the objects of the network),
`table` (the levels) and `changes` (the log a watcher goes on from).
"""

from weir_aggregator.projection.following import Patience, follow
from weir_aggregator.projection.state import CONTEXTS, Picture, Projection
from weir_aggregator.projection.tenants import Tenants, caught_up
from weir_aggregator.projection.watching import Pace, Told, rows_max, updates

__all__ = [
    "CONTEXTS",
    "Pace",
    "Patience",
    "Picture",
    "Projection",
    "Tenants",
    "Told",
    "caught_up",
    "follow",
    "rows_max",
    "updates",
]
