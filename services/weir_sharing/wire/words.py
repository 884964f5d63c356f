"""The words of enumerations, in the contract and in the domain."""

from __future__ import annotations

from collections.abc import Mapping

from weir.common.v1 import verdict_pb2
from weir.sharing.v1 import network_pb2 as pb
from weir.sharing.v1 import sharing_service_pb2 as sharing_pb
from weir_allocation.trace import Verdict
from weir_sharing.domain import ChannelKind, Policy, SourceKind

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
SOURCE_KINDS_TOLD: Mapping[SourceKind, sharing_pb.Source.Kind.ValueType] = {
    SourceKind.OWN: sharing_pb.Source.KIND_OWN,
    SourceKind.LINKED: sharing_pb.Source.KIND_LINKED,
    SourceKind.ASSEMBLED: sharing_pb.Source.KIND_ASSEMBLED,
}
VERDICTS_TOLD: Mapping[Verdict, verdict_pb2.Verdict.ValueType] = {
    each: verdict_pb2.Verdict.Value(f"VERDICT_{each.name}") for each in Verdict if each is not Verdict.SUM
}
