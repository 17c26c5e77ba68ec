"""What is measured. Each part is one module: `work` runs in the contender's process, the rest in the benchmark's."""
