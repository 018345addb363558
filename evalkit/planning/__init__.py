"""How many samples of which tasks settle a question of a size, from runs that there are."""
