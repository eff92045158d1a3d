"""Places to run a solution: the contract, Docker for other people's code, a local process for one's own."""
