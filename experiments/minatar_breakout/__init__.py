"""The best policy for MinAtar Breakout that evolution reaches in an hour."""
