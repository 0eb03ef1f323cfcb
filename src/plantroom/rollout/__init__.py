"""How any change reaches running environments: placement, changes, drain leases, verdicts. Releases ride on it."""
