"""The local web page and its server."""
