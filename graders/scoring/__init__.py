"""From predictions and truths to scores with intervals. `graders.marks.mark` decides what points a score earns."""
