"""Messages to domain and back: `requests` reads, with the limits of every field, `answers` renders."""
