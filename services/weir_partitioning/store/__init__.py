"""The ports on Postgres: `policies`, `epochs` with what supplies stand at, `demand`, and `wishes` to divide anew."""

from weir_partitioning.store.demand import PostgresDemand
from weir_partitioning.store.epochs import PostgresEpochs
from weir_partitioning.store.policies import postgres_policies
from weir_partitioning.store.wishes import PostgresWishes

__all__ = ["PostgresDemand", "PostgresEpochs", "PostgresWishes", "postgres_policies"]
