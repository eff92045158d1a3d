"""From answers and truths to scores with intervals. What points a score earns is decided in `graders.marks.mark`."""
