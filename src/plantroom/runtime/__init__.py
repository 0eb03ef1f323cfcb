"""What touches the outside for everyone: settings, database, processes, embedded engines, clock, faults."""
