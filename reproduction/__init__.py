"""What `reproduce.py` needs: tables and figures as data, runs, results, tables as text, pictures.

`experiments.py` holds what is trained; here `published` holds the printed numbers.
"""
