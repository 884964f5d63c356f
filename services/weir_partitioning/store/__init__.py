"""The ports on Postgres: `policies`, `epochs` with what supplies stand at, and `demand`."""

from weir_partitioning.store.demand import PostgresDemand
from weir_partitioning.store.epochs import PostgresEpochs
from weir_partitioning.store.policies import postgres_policies

__all__ = ["PostgresDemand", "PostgresEpochs", "postgres_policies"]
