"""Every test of weir, by what it shows: rules, laws, contracts, one service, the whole suite."""

import weir_cli  # noqa: F401 -- it tells gRPC what it has to know before it is imported
