"""Cambridge Landmarks (Kendall et al. 2015): six outdoor scenes, frames of a telephone's video."""
