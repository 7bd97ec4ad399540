"""Contract: records of an API become Arrow tables that keep the declared contract, and rejected rows."""
