"""What the aggregator knows, tenant by tenant, in memory: counts, configuration, levels, and how they came to change.

`state` answers from it, `following` keeps it in step with the contexts and the day, `watching` tells of its changes,
`tenants` holds one for each tenant. Below them: `balances` (the counts as arrays), `shares` and `keys` (what is
claimed of shares, likewise), `supplies` (what there is to divide), `book` (what is configured),
`marks` (the revisions it stands at), `waiting`, `earmarking` and `demands` (the orders that wait, and the units that
are theirs), `table` (the levels), `supposed`, `settling` and `preview` (the levels under another configuration),
`changes` (the log a watcher goes on from), `ordering` (what an order may be filled with), `spending` and `underway`
(what orders take of shares, and what others are about to get).
"""

from weir_aggregator.projection.days import UtcCalendar
from weir_aggregator.projection.following import Patience, follow
from weir_aggregator.projection.marks import CONTEXTS
from weir_aggregator.projection.ordering import order, order_and_shares, order_under, shares_again, terms_again
from weir_aggregator.projection.preview import Preview, Room
from weir_aggregator.projection.spending import Moved, Returned, Share, Wanted, counted, moved, spent, weighed, weight
from weir_aggregator.projection.state import Projection
from weir_aggregator.projection.supplies import SupplyPicture
from weir_aggregator.projection.supposed import Instant, Supposed
from weir_aggregator.projection.table import Picture
from weir_aggregator.projection.tenants import Tenants, caught_up
from weir_aggregator.projection.underway import beside, units_of
from weir_aggregator.projection.watching import Pace, Told, ToldOfSupplies, rows_max, supply_updates, updates

__all__ = [
    "CONTEXTS",
    "Instant",
    "Moved",
    "Pace",
    "Patience",
    "Picture",
    "Preview",
    "Projection",
    "Returned",
    "Room",
    "Share",
    "SupplyPicture",
    "Supposed",
    "Tenants",
    "Told",
    "ToldOfSupplies",
    "UtcCalendar",
    "Wanted",
    "beside",
    "caught_up",
    "counted",
    "follow",
    "moved",
    "order",
    "order_and_shares",
    "order_under",
    "rows_max",
    "shares_again",
    "spent",
    "supply_updates",
    "terms_again",
    "units_of",
    "updates",
    "weighed",
    "weight",
]
