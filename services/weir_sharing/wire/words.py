"""The words of enumerations, in the contract and in the domain."""

from __future__ import annotations

from collections.abc import Mapping

from weir.sharing.v1 import network_pb2 as pb
from weir_sharing.domain import ChannelKind, Policy

POLICIES_TOLD: Mapping[Policy, pb.LocationPolicy.ValueType] = {
    Policy.GLOBAL: pb.LOCATION_POLICY_GLOBAL,
    Policy.FIXED: pb.LOCATION_POLICY_FIXED,
}
CHANNEL_KINDS_TOLD: Mapping[ChannelKind, pb.ChannelKind.ValueType] = {
    ChannelKind.WEBSHOP: pb.CHANNEL_KIND_WEBSHOP,
    ChannelKind.MARKETPLACE: pb.CHANNEL_KIND_MARKETPLACE,
    ChannelKind.POS: pb.CHANNEL_KIND_POS,
    ChannelKind.REP: pb.CHANNEL_KIND_REP,
    ChannelKind.B2B: pb.CHANNEL_KIND_B2B,
}
POLICIES: Mapping[int, Policy] = {value: policy for policy, value in POLICIES_TOLD.items()}
CHANNEL_KINDS: Mapping[int, ChannelKind] = {value: kind for kind, value in CHANNEL_KINDS_TOLD.items()}
