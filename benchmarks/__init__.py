"""One file per figure that we claim; `make bench` runs them all and writes `benchmarks/results.md`."""
