"""Pretrained weights: Caffe's files, their conversion, and where the results lie."""
