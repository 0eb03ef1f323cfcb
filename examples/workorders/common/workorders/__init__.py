"""Work orders: who repairs what, by when. A small application that a vendor hosts once per client."""
