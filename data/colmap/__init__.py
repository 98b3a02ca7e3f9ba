"""Photographs of one's own, whose poses COLMAP has found."""
