"""Application updates: the artefacts that are held, and the trains that carry them to every client."""
