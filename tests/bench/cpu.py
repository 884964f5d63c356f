"""CPU time of a process and of all that it started, read apart from everybody else's."""

from collections.abc import Sequence

import psutil


def cpu_seconds(pids: Sequence[int], *, with_children: bool = True) -> float:
    """User and system time of the processes and their living children.

    Children that ended count with their parent's `children_*`, so the figure never goes back.
    """
    total = 0.0
    for pid in pids:
        process = psutil.Process(pid)
        family = [process, *(process.children(recursive=True) if with_children else ())]
        for member in family:
            try:
                times = member.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system + times.children_user + times.children_system
    return total
