"""Whether a candidate may replace a baseline: policy, decision, and what it rests on."""
