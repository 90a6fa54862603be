"""KARMA: a masked autoencoder for hyperspectral images that knows linear mixing."""
