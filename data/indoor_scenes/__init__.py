"""Scene categories in the layout of MIT-67, which several data sets share."""
