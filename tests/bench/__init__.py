"""Figures, as ratios taken in one run: `make bench`.

Every case runs against its own server process, from one client process, in rounds that alternate; a ratio is taken
within a round, and the median over the rounds is told. A Python client takes about half of such a machine, so the CPU
time of server, Postgres and client is read apart, and ratios are told of CPU per call as well as of calls per second.
"""
