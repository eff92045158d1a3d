"""Collects what groups hand in, and decides which commit counts. Repositories are hostile; nothing is run here."""
