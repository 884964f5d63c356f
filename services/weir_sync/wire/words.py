"""The words of enumerations, in the contract and in the domain."""

from __future__ import annotations

from collections.abc import Mapping

from weir.sync.v1 import rule_pb2 as pb
from weir_sync.domain.rules import Rounding, WarningCode

ROUNDINGS_TOLD: Mapping[Rounding, pb.Rounding.ValueType] = {
    Rounding.DOWN: pb.ROUNDING_DOWN,
    Rounding.UP: pb.ROUNDING_UP,
    Rounding.NEAREST: pb.ROUNDING_NEAREST,
}
WARNING_CODES_TOLD: Mapping[WarningCode, pb.Warning.Code.ValueType] = {
    WarningCode.PRIORITY_IGNORED: pb.Warning.CODE_PRIORITY_IGNORED,
}
ROUNDINGS: Mapping[int, Rounding] = {value: rounding for rounding, value in ROUNDINGS_TOLD.items()}
