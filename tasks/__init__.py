"""The benchmarks, one file each; a file is found by its name and imported when it is asked for."""
