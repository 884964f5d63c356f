"""`make test ARGS="tests/property --hypothesis-profile=long"` looks for longer where a test follows the profile."""

from hypothesis import settings

settings.register_profile("long", max_examples=5_000)
