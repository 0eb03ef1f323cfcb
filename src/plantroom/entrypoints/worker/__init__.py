"""The worker: workflows and activities."""
