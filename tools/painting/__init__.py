"""Paints the photographs of the sample data set: textures, painter, foods, scene."""
