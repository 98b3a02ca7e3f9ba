"""The numbers that the thesis and its supplement print, as they print them, errors included.

One row a line, in the order of the printed columns: a pair is a median position error in metres and
a median orientation error in degrees, a single number an accuracy in percent, None a dash. What
follows from other numbers of a table (averages, improvements) is kept apart, for comparison:
`reproduction.arithmetic` computes it.
"""

# Columns: PoseNet, Bayesian PoseNet, LSTM PoseNet, ours with T = 1, 2, 3.
TABLE_5_1 = {
    "Great Court": (None, None, None, None, None, None),
    "King's College": (
        (1.66, 4.86), (1.74, 4.06), (0.99, 3.65), (1.02, 4.22), (1.00, 4.51), (0.90, 3.70),
    ),
    "Old Hospital": (
        (2.62, 4.90), (2.57, 5.14), (1.51, 4.29), (1.62, 4.11), (1.51, 4.02), (1.36, 3.95),
    ),
    "Shop Facade": (
        (1.41, 7.18), (1.25, 7.54), (1.18, 7.44), (1.15, 5.45), (0.95, 6.44), (0.91, 5.29),
    ),
    "St Mary's Church": (
        (2.45, 7.96), (2.11, 8.38), (1.52, 6.68), (1.62, 7.22), (1.59, 5.94), (1.42, 6.07),
    ),
    "Street": (None, None, None, (18.7, 34.1), (15.0, 30.3), (13.9, 30.0)),
    "Chess": (
        (0.32, 6.08), (0.37, 7.24), (0.24, 5.77), (0.17, 5.58), (0.16, 5.27), (0.15, 4.79),
    ),
    "Fire": (
        (0.47, 14.0), (0.43, 13.7), (0.34, 11.9), (0.32, 12.6), (0.31, 11.7), (0.23, 10.0),
    ),
    "Heads": (
        (0.30, 12.2), (0.31, 12.0), (0.21, 13.7), (0.18, 13.8), (0.18, 14.1), (0.18, 13.7),
    ),
    "Office": (
        (0.48, 7.24), (0.48, 8.04), (0.30, 8.08), (0.29, 7.63), (0.29, 7.23), (0.29, 8.02),
    ),
    "Pumpkin": (
        (0.49, 8.12), (0.61, 7.08), (0.33, 7.00), (0.25, 5.46), (0.25, 5.76), (0.26, 6.16),
    ),
    "Red Kitchen": (
        (0.58, 8.31), (0.58, 7.51), (0.37, 8.83), (0.43, 8.03), (0.37, 7.49), (0.39, 8.20),
    ),
    "Stairs": (
        (0.48, 13.1), (0.48, 13.1), (0.40, 13.7), (0.32, 9.98), (0.31, 10.5), (0.29, 12.0),
    ),
    "TUM-LSI": ((1.87, 6.14), None, (1.31, 2.79), (1.32, 3.82), (1.26, 3.69), (0.98, 2.74)),
}  # fmt: skip
AVERAGES_5_1 = {
    "Average Cambridge": (
        (2.08, 6.83), (1.92, 6.28), (1.30, 5.52), (1.35, 5.25), (1.26, 5.22), (1.14, 4.75),
    ),
    "Average 7-Scenes": (
        (0.44, 9.01), (0.46, 9.81), (0.31, 9.85), (0.28, 9.01), (0.26, 8.86), (0.25, 8.98),
    ),
}  # fmt: skip
# Percent, of T = 3 over LSTM PoseNet.
IMPROVEMENTS_5_1 = {
    "King's College": (9.09, -1.36),
    "Old Hospital": (9.93, 7.92),
    "Shop Facade": (22.8, 28.8),
    "St Mary's Church": (6.57, 1.64),
    "Average Cambridge": (12.3, 13.9),
    "Chess": (37.5, 16.9),
    "Fire": (32.3, 15.9),
    "Heads": (14.2, 0.00),
    "Office": (3.33, 0.74),
    "Pumpkin": (21.2, 12.0),
    "Red Kitchen": (-2.00, 5.77),
    "Stairs": (27.5, 12.4),
    "Average 7-Scenes": (19.1, 9.10),
    "TUM-LSI": (25.1, 1.79),
}

# Columns: CNNaug-SVM, S2ICA, GoogLeNet, ours with T = 1, 2, 3. Improvement of T = 2 over GoogLeNet,
# in points.
TABLE_5_2 = {"MIT-67": (69.0, 71.2, 73.7, 74.5, 77.1, 76.0)}
IMPROVEMENTS_5_2 = {"MIT-67": (3.4,)}

# Columns: as table 5.1, then T = 4, 5.
TABLE_5_3 = {
    "Old Hospital": (
        (2.62, 4.90), (2.57, 5.14), (1.51, 4.29), (1.62, 4.11), (1.51, 4.02), (1.36, 3.95),
        (1.55, 4.46), (1.64, 4.20),
    ),
    "St Mary's Church": (
        (2.45, 7.96), (2.11, 8.38), (1.52, 6.68), (1.62, 7.22), (1.59, 5.94), (1.42, 6.07),
        (1.49, 5.87), (1.58, 6.51),
    ),
    "Office": (
        (0.48, 7.24), (0.48, 8.04), (0.30, 8.08), (0.29, 7.63), (0.29, 7.23), (0.29, 8.02),
        (0.29, 8.07), (0.30, 8.12),
    ),
    "Stairs": (
        (0.48, 13.1), (0.48, 13.1), (0.40, 13.7), (0.32, 9.98), (0.31, 10.5), (0.29, 12.0),
        (0.31, 12.0), (0.33, 10.9),
    ),
    "TUM-LSI": (
        (1.87, 6.14), None, (1.31, 2.79), (1.32, 3.82), (1.26, 3.69), (0.98, 2.74),
        (1.14, 3.33), (1.18, 3.68),
    ),
}  # fmt: skip
IMPROVEMENTS_5_3 = {
    "Old Hospital": (9.93, 7.92),
    "St Mary's Church": (6.57, 1.64),
    "Office": (3.33, 0.74),
    "Stairs": (27.5, 12.4),
    "TUM-LSI": (25.1, 1.79),
}

# Columns: as table 5.2, then T = 4, 5.
TABLE_5_4 = {"MIT-67": (69.0, 71.2, 73.7, 74.5, 77.1, 76.0, 75.4, 74.8)}
IMPROVEMENTS_5_4 = {"MIT-67": (3.4,)}

# Columns: PoseNet, LSTM-PoseNet, convolutional spatial attention.
TABLE_5_5 = {
    "King's College": ((1.66, 4.86), (0.99, 3.65), (1.39, 2.63)),
    "Old Hospital": ((2.62, 4.90), (1.51, 4.29), (3.72, 4.24)),
    "Office": ((0.48, 7.24), (0.30, 8.08), (0.64, 7.89)),
    "Stairs": ((0.48, 13.1), (0.40, 13.7), (0.48, 12.8)),
    "TUM-LSI": ((1.87, 6.14), (1.31, 2.79), (3.93, 2.15)),
}
IMPROVEMENTS_5_5 = {
    "King's College": (-27.2, 27.6),
    "Old Hospital": (-120.5, 6.9),
    "Office": (-103.3, 3.2),
    "Stairs": (-15.0, 6.5),
    "TUM-LSI": (16.0, 22.9),
}

# Columns: PoseNet, LSTM-PoseNet, multi-convolutional spatial attention.
TABLE_5_6 = {
    "King's College": ((1.66, 4.86), (0.99, 3.65), (0.95, 4.11)),
    "Old Hospital": ((2.31, 5.38), (1.51, 4.29), (1.76, 4.44)),
    "Office": ((0.48, 7.24), (0.30, 8.08), (0.28, 7.52)),
    "Stairs": ((0.48, 13.1), (0.40, 13.7), (0.32, 12.7)),
    "TUM-LSI": ((1.87, 6.14), (1.31, 2.79), (1.12, 3.66)),
}
IMPROVEMENTS_5_6 = {
    "King's College": (4.04, -12.6),
    "Old Hospital": (-16.5, -3.49),
    "Office": (6.67, 6.93),
    "Stairs": (20.0, 9.40),
    "TUM-LSI": (14.5, -2.88),
}

# Columns: spatial attention only on 3b, 4e, 5b; layer selection only; both.
TABLE_5_7 = {
    "Old Hospital": ((1.49, 4.29), (1.42, 4.37), (1.76, 4.44), (2.36, 6.28), (1.36, 3.95)),
    "Office": ((0.27, 7.37), (0.26, 7.35), (0.28, 7.52), (0.33, 7.97), (0.29, 8.02)),
    "TUM-LSI": ((1.21, 3.26), (1.13, 3.66), (1.12, 3.66), (5.27, 10.8), (0.98, 2.74)),
    "MIT-67": (61.6, 74.5, 74.2, 76.4, 77.1),
}

# Supplement, table 3. Columns: spatial attention only on 3b, 4e, 5b. The category's folder in
# MIT-67 stands beside the printed name.
TABLE_S3 = {
    ("Office", "office"): (33.3, 52.3, 42.8),
    ("Library", "library"): (65.0, 45.0, 60.0),
    ("Wine Cellar", "winecellar"): (71.4, 76.1, 61.9),
    ("Fastfood Restaurant", "fastfood_restaurant"): (58.8, 88.2, 70.5),
    ("Operating Room", "operating_room"): (47.3, 52.6, 36.8),
    ("Train Station", "trainstation"): (85.0, 65.0, 60.0),
    ("Airport-inside", "airport_inside"): (40.0, 60.0, 75.0),
    ("Closet", "closet"): (77.7, 88.8, 94.4),
    ("Game Room", "gameroom"): (45.0, 75.0, 80.0),
    ("Garage", "garage"): (72.2, 77.7, 94.4),
    ("Dining room", "dining_room"): (38.8, 66.6, 77.7),
    ("Locker room", "locker_room"): (66.6, 85.7, 100.0),
}
