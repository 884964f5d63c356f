"""A real shop and a real ERP beside the suite: `make test-peers`. Nobody here wrote them, and none of their code is
imported: each is a process out of an environment of its own, asked over its public interface alone.
"""
