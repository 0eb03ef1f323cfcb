"""The one tamper-evident log: append, checkpoint, prove, verify."""
