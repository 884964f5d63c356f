"""The services of the suite: what each is called, where its code is, which schema it owns, where it listens.

Their modules are named here and imported only by the process that runs them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Service:
    """One service; `schema` is None where it has no database, `peers` are the services it calls.

    `history` is the module that puts its history away, None where it keeps none.
    """

    name: str
    package: str
    port: int
    schema: str | None = None
    peers: tuple[str, ...] = ()
    history: str | None = None

    @property
    def module(self) -> str:
        """The module with its `Settings` and `running`."""
        return f"{self.package}.app"

    @property
    def target(self) -> str:
        """Where it listens unless told otherwise."""
        return f"127.0.0.1:{self.port}"

    @property
    def variable(self) -> str:
        """The variable that names its address, for commands and for the services that call it."""
        return f"WEIR_{self.name.upper()}_TARGET"


SERVICES = {
    service.name: service
    for service in (
        Service("ledger", "weir_ledger", 7101, schema="weir_ledger", history="weir_ledger.store.compaction"),
        Service("sharing", "weir_sharing", 7102, schema="weir_sharing", peers=("ledger",)),
        Service(
            "partitioning",
            "weir_partitioning",
            7103,
            schema="weir_partitioning",
            peers=("ledger", "sharing", "aggregator"),
        ),
        Service("sync", "weir_sync", 7104, schema="weir_sync", peers=("ledger", "aggregator")),
        Service("pooling", "weir_pooling", 7105, schema="weir_pooling", peers=("ledger",)),
        Service("aggregator", "weir_aggregator", 7100, peers=("ledger", "sharing", "partitioning", "sync", "pooling")),
    )
}
"""By name, in the order they are started; they end the other way round."""
