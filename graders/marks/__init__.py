"""From results to marks: points of a group, what each person gets of them, who decided what, and corrections."""
