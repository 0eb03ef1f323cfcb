"""Release trains: one release to every client, ring by ring, and back if a ring's verdict is bad."""
