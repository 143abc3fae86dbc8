"""From molecules to graphs and back, with RDKit."""
