"""The API on a Unix socket."""
