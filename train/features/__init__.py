"""What a network says of images before its head, computed once, and classifiers of that."""
