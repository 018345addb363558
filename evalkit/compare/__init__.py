"""Two runs side by side: whether they may be compared, and by how much they differ.

    sides       a run, or a baseline file, with its scores
    comparable  fingerprints, part by part
    pairing     the same samples of two runs
    measuring   metrics of a task, paired
    flips       what got better, what got worse, and whether it is only the format
    comparing   whole runs
"""
