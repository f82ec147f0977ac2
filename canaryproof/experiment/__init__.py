"""One experiment: its steps, the namespace that it has to itself, and the runner that runs many side by side."""
