"""Use cases: each reads as the story of what it does, takes ports and returns a frozen result."""
