"""The weir command for operators."""

import os

# Whoever runs a program where gRPC runs forks; its handlers of forks then close what is not theirs, now and then a pipe
# to that program. Programs here are always exec'd, which needs no handlers. Read once, when gRPC is imported.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
