"""Messages to values and back: `requests` reads what callers ask, `answers` and `sentences` render what they are told,
`feeds` reads what the contexts that are followed send."""
