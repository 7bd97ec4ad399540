"""How a shop's API is reached and asked: its address, auth, policy, paginators and endpoints."""
