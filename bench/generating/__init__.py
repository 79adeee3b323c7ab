"""What bench/generative.py is made of."""
