"""Parts of the procedural sample data set: textures, painter, foods, scene."""
