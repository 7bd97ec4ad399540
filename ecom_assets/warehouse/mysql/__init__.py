"""A MariaDB server as the warehouse. MySQL itself is refused: it lacks what loads need of temporary tables."""
