"""One service, or one room of the chassis, over real gRPC and a real Postgres."""
