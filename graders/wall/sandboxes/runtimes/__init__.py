"""The recipes of the runtime images: a lock per framework, the Dockerfile, the survey of what was built."""
