"""Where servers, databases and traffic really live: one contract, one adapter each."""
