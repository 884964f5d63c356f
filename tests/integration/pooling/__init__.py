"""The pooling service over gRPC."""
