"""The source "folder": an author's own subjects, read from a table of cases or from a known layout of files."""
