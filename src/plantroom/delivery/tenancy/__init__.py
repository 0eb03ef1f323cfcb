"""Clients' environments come, change and go: plan and apply, provision at a go-live date, suspend, retire."""
