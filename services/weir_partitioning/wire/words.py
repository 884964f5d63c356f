"""The words of enumerations, in the contract and in the domain."""

from __future__ import annotations

from collections.abc import Mapping

from weir.partitioning.v1 import policy_pb2 as pb
from weir.partitioning.v1 import share_pb2
from weir_allocation.rebalance import Reason
from weir_partitioning.domain import Mode, Strategy

STRATEGIES_TOLD: Mapping[Strategy, pb.Strategy.ValueType] = {
    Strategy.EQUAL_DIVISION: pb.STRATEGY_EQUAL_DIVISION,
    Strategy.SAFETY_STOCK: pb.STRATEGY_SAFETY_STOCK,
    Strategy.WEIGHTED: pb.STRATEGY_WEIGHTED,
    Strategy.RANKED: pb.STRATEGY_RANKED,
    Strategy.FIXED: pb.STRATEGY_FIXED,
    Strategy.DEMAND: pb.STRATEGY_DEMAND,
}
MODES_TOLD: Mapping[Mode, pb.PolicyMode.ValueType] = {
    Mode.CONTINUOUS: pb.POLICY_MODE_CONTINUOUS,
    Mode.BALANCED: pb.POLICY_MODE_BALANCED,
}
STRATEGIES: Mapping[int, Strategy] = {value: strategy for strategy, value in STRATEGIES_TOLD.items()}
MODES: Mapping[int, Mode] = {value: mode for mode, value in MODES_TOLD.items()}
REASONS_TOLD: Mapping[Reason, share_pb2.EpochReason.ValueType] = {
    Reason.FIRST: share_pb2.EPOCH_REASON_FIRST,
    Reason.THRESHOLD: share_pb2.EPOCH_REASON_THRESHOLD,
    Reason.SUPPLY: share_pb2.EPOCH_REASON_SUPPLY,
    Reason.GROUPS: share_pb2.EPOCH_REASON_GROUPS,
    Reason.POLICY: share_pb2.EPOCH_REASON_POLICY,
    Reason.SCHEDULE: share_pb2.EPOCH_REASON_SCHEDULE,
    Reason.REQUEST: share_pb2.EPOCH_REASON_REQUEST,
    Reason.DISSOLVED: share_pb2.EPOCH_REASON_DISSOLVED,
}
