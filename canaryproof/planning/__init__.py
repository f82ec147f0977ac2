"""Makes the plan of a scenario without a cluster, and writes scenario files for charts."""
