"""Who may call the rpcs of pooling at all; what they then see and do is said by `domain.authority`."""

from weir_chassis.auth import Role
from weir_chassis.policy import Access, Traffic

READ = Access(Role.READER, Traffic.READ)
WRITE = Access(Role.OPERATOR, Traffic.WRITE)
WATCH = Access(Role.READER, Traffic.WATCH)
