"""The systems that sync talks to: `port` is what it asks of them, a module for each kind of system answers it."""
