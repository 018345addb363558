"""The benchmarks, one file each; a file is found by its name and imported only when it is asked for."""
