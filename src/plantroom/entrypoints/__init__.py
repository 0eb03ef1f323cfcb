"""Where processes begin: the command line, the API and the worker."""
