"""Proto to domain and back, and the limits of every field.

`items` knows what both directions share, `requests` makes domain requests with all faults at once, `answers` renders
what was found or done.
"""
