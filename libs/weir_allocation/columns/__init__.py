"""The same arithmetic for many products at once, as the stages explain it for one; for a demand that names nothing.

Products and locations are numbers here: their places in lists that the caller keeps and that only grow. `cells` says
what lies where, own, shared and assembled; `split` divides it among channel groups; `offer` makes of shares what
stores are told; `levels` puts them together. `custody` does it for channels by custody. Units are 64 bits wide: a
movement books 10^9 at most, so that no sum of them ever gets near the end, and no product of two numbers is formed
where one could.
"""

from weir_allocation.columns.arrays import Flags, Indices, Units, available, last_day, unexpired
from weir_allocation.columns.cells import Rows
from weir_allocation.columns.custody import Custody, Given, Held
from weir_allocation.columns.lending import Lending
from weir_allocation.columns.levels import Bundled, Columns, Divisible, Levels, exposure
from weir_allocation.columns.offer import UNTOLD
from weir_allocation.columns.split import NO_SHARES, NOBODY, Shares

__all__ = [
    "NOBODY",
    "NO_SHARES",
    "UNTOLD",
    "Bundled",
    "Columns",
    "Custody",
    "Divisible",
    "Flags",
    "Given",
    "Held",
    "Indices",
    "Lending",
    "Levels",
    "Rows",
    "Shares",
    "Units",
    "available",
    "exposure",
    "last_day",
    "unexpired",
]
