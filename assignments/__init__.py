"""What is asked: assignments as data, their medical data, and the catalogue. Knows nothing of marking."""
