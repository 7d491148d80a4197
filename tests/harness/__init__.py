"""Real servers and stock tools for the tests, the demo and the benchmarks."""
