"""What must be created or changed so that the suite becomes as a folder says.

Nothing is ever removed. The order matters, because each step by itself must keep the rules: what lets go comes before
what takes.
"""

from __future__ import annotations

import hashlib

from weir_cli.merchant.arranging.connections import connection_steps
from weir_cli.merchant.arranging.goods import goods_steps
from weir_cli.merchant.arranging.network import network_steps
from weir_cli.merchant.arranging.people import people_steps
from weir_cli.merchant.arranging.policies import policy_steps
from weir_cli.merchant.state import State, Step
from weir_cli.merchant.values import Merchant


def arrangement(merchant: Merchant, state: State) -> list[Step]:
    """The steps in the order they must be taken; none where everything is as it shall be."""
    steps = [
        *network_steps(merchant, state),
        *goods_steps(merchant, state),
        *policy_steps(merchant, state),
        *people_steps(merchant, state),
        *connection_steps(merchant, state),
    ]
    for index, step in enumerate(steps):
        content = f"{state.mark}/{index}/{step.method}/".encode() + step.request.SerializeToString(deterministic=True)
        step.request.request_id = f"load-{hashlib.sha256(content).hexdigest()[:40]}"  # type: ignore[attr-defined]
    return steps
