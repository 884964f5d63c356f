"""The systems that sync talks to: `port` is what it asks of them, a module for each kind of system answers it.

`kinds` names all of them; `making` makes one by what `settings` reads of a connection and its secrets, and hands it out
with `discretion`, so that nothing it says holds a secret.
"""
