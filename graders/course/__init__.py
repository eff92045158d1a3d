"""A course as its files say: settings, roster, policies, working days; and the lock that holds it."""
