"""Watches: the history of a context as a stream, ordered, without gaps, resumable from any mark.

The serving side is `follow` over a bounded read of the event table, rung by `Wakeups`. The reading side is `watch`,
which resumes after the last mark until it is fenced.
"""

from weir_chassis.watch.following import Batch, follow
from weir_chassis.watch.resuming import Fenced, later, watch
from weir_chassis.watch.wakeups import Bell, Wakeups

__all__ = ["Batch", "Bell", "Fenced", "Wakeups", "follow", "later", "watch"]
