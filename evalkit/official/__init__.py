"""The files that benchmarks publish: ground truth as samples, and which answer is whose.

One class per benchmark, derived from `evalkit.official.interface.OfficialFiles` and named by the
task's field `files`.
"""
