"""Records below a folder -> a leaderboard: who may stand beside whom, and in which rank."""
