"""What people read: feedback, mark sheets and leaderboards, as pure functions of Marks."""
