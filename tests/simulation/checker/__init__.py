"""Judge a history: whether a ledger that keeps its promises could have answered so.

Every write that was accepted is replayed on a sequential model, in the order of its revisions; within a revision in the
order of its entries. The model must answer as the ledger did, and enter what the ledger entered. What was refused, or
only asked, must be what the model answers at some point between the call and its answer. Questions must be answered as
the model does at the revision they name, watchers must be shown every commit once.

It is linear in the length of a history: what overlaps is all that is ever tried in several orders.
"""

from __future__ import annotations

from tests.simulation.checker.asks import attempts, recalled_wrongly
from tests.simulation.checker.commits import commits
from tests.simulation.checker.demand import miscounted
from tests.simulation.checker.replay import Replay
from tests.simulation.checker.streams import wrong_streams
from tests.simulation.history import History


def violations(history: History) -> list[str]:
    """Everything in a history that no ledger may do, in sentences; none where there is nothing."""
    found = [f"accident: {call.accident}: {call}" for call in history.calls if call.accident]
    found += [f"audit: {sentence}" for audit in history.audits for sentence in audit]
    if not history.audits:
        found.append("the books were never audited")
    asked, wrong = attempts(history)
    found += wrong
    found += recalled_wrongly(history, asked)
    found += miscounted(history, asked)
    recorded, wrong = commits(history)
    found += wrong
    replay = Replay(history, asked, recorded)
    found += replay.run()
    found += wrong_streams(history, recorded, replay.told)
    return found
