"""TUM-LSI (Walch et al. 2017): the corridors of a large building, seen from a camera rig."""
