"""The marking engine: from a repository to a Mark. Renders nothing; `reports` does."""
