"""From a group's mark to each person's: what was decided, lateness, peers, and corrections of returned marks."""
