"""The questions of the ten benchmarks, in their datasets' own columns: one module each.

A module offers `draw(rng)`, a scene that the benchmark asks about, and `ask(rng, scene, key)`, the
rows that one scene gives rise to (the image column is left out; `key` is the number of the picture,
from which ids are made). MMVP asks about two scenes at once: it offers `contrast`, not `ask`.
MM-Vet lists its kinds of pictures in `PICTURES`; `llava_bench` serves two benchmarks.
"""
