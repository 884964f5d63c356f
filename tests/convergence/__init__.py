"""What stores show while everything goes wrong: several syncs are killed and stopped, stores throttle, stall, lose
answers and act late, customers buy what weir has not heard of. `python -m tests.convergence 1..30` plays the runs of
seeds.
"""
