"""Location -> warehouse group -> link -> channel group -> channel: the objects of the network and its rules; pure.

`objects` names what there is, `rules` holds a decision for each request that would change it.
"""

from weir_sharing.domain.objects import (
    KINDS,
    Change,
    Channel,
    ChannelGroup,
    ChannelKind,
    Commit,
    Decision,
    GroupLink,
    History,
    Key,
    LocationSetting,
    Named,
    NetworkObject,
    Outcome,
    Policy,
    T,
    WarehouseGroup,
)
from weir_sharing.domain.rules import existing, stamped

__all__ = [
    "KINDS",
    "Change",
    "Channel",
    "ChannelGroup",
    "ChannelKind",
    "Commit",
    "Decision",
    "GroupLink",
    "History",
    "Key",
    "LocationSetting",
    "Named",
    "NetworkObject",
    "Outcome",
    "Policy",
    "T",
    "WarehouseGroup",
    "existing",
    "stamped",
]
