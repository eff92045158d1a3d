"""Hidden sets: how an assignment's cases are drawn from its source and a secret. `sources` holds the generators."""
