"""7-Scenes (Shotton et al. 2013): seven rooms, frames of a hand-held Kinect."""
