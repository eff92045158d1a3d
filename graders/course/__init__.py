"""Reads and checks the files of a course: settings, roster, late policies, working days. Also its lock."""
