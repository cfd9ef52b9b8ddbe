"""Numbers to pictures. Every function returns a matplotlib figure; nobody else draws."""
