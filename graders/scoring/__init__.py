"""From predictions and truths to scores with intervals. `graders.marks.findings` decides what points a score earns."""
