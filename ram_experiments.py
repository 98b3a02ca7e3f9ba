"""The experiments behind the tables of Mnih et al. 2014 (Recurrent Models of Visual Attention).

100 x 100 pixels without clutter are of our own: the paper does not test them.
"""

from reproduction.definitions import Column, Place, Row, Table

PLACES = {
    place.title: place
    for place in (
        Place("MNIST 28 x 28", "mnist", "mnist"),
        Place("Translated 60 x 60", "mnist_translated_60", "mnist_translated_60"),
        Place("Cluttered 60 x 60", "mnist_cluttered_60", "mnist_cluttered_60"),
        Place("Translated 100 x 100", "mnist_translated_100", "mnist_translated_100"),
        Place("Cluttered 100 x 100", "mnist_cluttered_100", "mnist_cluttered_100"),
    )
}
SMALL = Column("Fully connected, 64 and 64", "fully_connected", flags=(("units", "64,64"),))
LARGE = Column("Fully connected, 256 and 256", "fully_connected")
CONVOLUTIONAL = Column("Convolutional", "convolutional")
RANDOM = (("glimpses", "8"), ("location", "random"))
NOTES = (
    "Error rate on the 10,000 test digits; each image is looked at once, no answers are averaged.",
)


def ram(glimpses: int) -> Column:
    """The model with a number of glimpses."""
    return Column(f"RAM, {glimpses} glimpses", "ram", flags=(("glimpses", str(glimpses)),))


def table(
    name: str, title: str, place: str, columns: dict[Column, float | None], *notes: str
) -> Table:
    """The table of one kind of images: methods with their printed error rates."""
    return Table(
        name,
        title,
        (Row(place, PLACES[place]),),
        tuple(columns),
        {(place, column.title): (value,) for column, value in columns.items() if value},
        notes=NOTES + notes,
        every_cell=True,
        single=("error_percent", 2),
    )


RANDOM_GLIMPSES = Column("RAM, 8 random glimpses", "ram", flags=RANDOM)
TABLES = {
    made.name: made
    for made in (
        table(
            "ram-28",
            "MNIST, glimpses of 8 x 8 at one scale",
            "MNIST 28 x 28",
            {LARGE: 1.69, CONVOLUTIONAL: 1.21}
            | dict(zip(map(ram, range(2, 8)), (3.79, 1.51, 1.54, 1.34, 1.12, 1.07), strict=True)),
        ),
        table(
            "ram-translated-60",
            "Translated digits on 60 x 60, glimpses of 12 x 12 at three scales",
            "Translated 60 x 60",
            {
                SMALL: 6.42,
                LARGE: 2.63,
                CONVOLUTIONAL: 1.62,
                ram(4): 1.54,
                ram(6): 1.22,
                ram(8): 1.2,
            },
        ),
        table(
            "ram-cluttered-60",
            "Cluttered digits on 60 x 60, glimpses of 12 x 12 at three scales",
            "Cluttered 60 x 60",
            {SMALL: 28.58, LARGE: 11.96, CONVOLUTIONAL: 8.09, ram(4): 4.96, ram(6): 4.08}
            | {ram(8): 4.04, RANDOM_GLIMPSES: 14.4},
        ),
        table(
            "ram-cluttered-100",
            "Cluttered digits on 100 x 100, glimpses of 12 x 12 at four scales",
            "Cluttered 100 x 100",
            {CONVOLUTIONAL: 14.35, ram(4): 9.41, ram(6): 8.31, ram(8): 8.11, RANDOM_GLIMPSES: 28.4},
        ),
        table(
            "ram-translated-100",
            "Translated digits on 100 x 100, glimpses of 12 x 12 at four scales",
            "Translated 100 x 100",
            {CONVOLUTIONAL: None, ram(8): None},
            "Not in the paper: the Julia port's report describes it.",
        ),
    )
}
