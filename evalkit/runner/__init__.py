"""The turn of samples into predictions: plan, engine, journal."""
