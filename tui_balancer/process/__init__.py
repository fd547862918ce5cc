"""What every process of the program needs: standard streams, stop signals, collector pauses, C."""
