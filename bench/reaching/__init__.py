"""What bench/accuracy.py is made of."""
