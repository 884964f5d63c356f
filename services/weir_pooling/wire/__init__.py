"""Messages to domain and back, a file for each service; `words` and `reading` are for all of them."""
