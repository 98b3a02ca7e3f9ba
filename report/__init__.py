"""Figures and tables from the files of a finished run: nothing here trains or loads a network."""
