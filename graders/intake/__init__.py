"""What groups hand in, and which commit counts. Repositories are hostile; nothing is run or marked here."""
