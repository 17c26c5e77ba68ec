"""The whole matrix of faults: what each one does to each operation, judged by the simulator's ledger."""
