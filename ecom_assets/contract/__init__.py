"""Records of an API as Arrow tables that keep the declared contract, and the rejected rows."""
