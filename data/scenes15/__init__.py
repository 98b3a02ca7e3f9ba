"""15 Scenes (Lazebnik et al. 2006): photographs of 15 kinds of places, in- and outdoors."""
