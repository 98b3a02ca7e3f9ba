"""MIT-67 Indoor Scenes (Quattoni and Torralba 2009): photographs of 67 kinds of rooms."""
