"""What every benchmark uses: repeats, use of the machine, processes, tables, charts, results."""
