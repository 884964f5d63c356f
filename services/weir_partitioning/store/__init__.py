"""The ports on Postgres: `policies`, and `epochs` with what supplies stand at."""

from weir_partitioning.store.epochs import PostgresEpochs
from weir_partitioning.store.policies import postgres_policies

__all__ = ["PostgresEpochs", "postgres_policies"]
