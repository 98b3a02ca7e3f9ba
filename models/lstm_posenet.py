"""LSTM-PoseNet (Walch et al. 2017): PoseNet whose dense layer is read by four LSTMs."""

import keras
from keras import layers, ops

from models.posenet import WIDTH, PoseNet

ROWS, COLUMNS = 32, 64


@keras.saving.register_keras_serializable("whatwhere")
class LSTMPoseNet(PoseNet):
    """`PoseNet`, with its 2048 features reduced by LSTMs before the pose.

    The features stand in a table of 32 x 64. Four LSTMs read it: its rows downwards and upwards,
    its columns to the right and to the left; their last outputs side by side, after dropout,
    give the pose. The reduction keeps the dense layer from learning the training images by heart.

    Args:
        units: Of each LSTM.
        **kwargs: As for `PoseNet`.
    """

    def __init__(self, units=256, **kwargs):
        super().__init__(**kwargs)
        self._config["units"] = units
        self.readers = [
            layers.LSTM(
                units, go_backwards=backwards, kernel_regularizer=self.regularizer,
                recurrent_regularizer=self.regularizer, dtype="float32", name=f"lstm_{direction}",
            )
            for direction, backwards in (
                ("down", False), ("up", True), ("right", False), ("left", True),
            )
        ]  # fmt: skip
        self.features = 4 * units

    def build(self, input_shape):
        super().build(input_shape)
        for reader, shape in zip(self.readers, self._shapes(), strict=True):
            reader.build((None, *shape))

    def regress(self, described, training):
        table = ops.reshape(ops.cast(described, "float32"), (-1, ROWS, COLUMNS))
        columns = ops.transpose(table, (0, 2, 1))
        seen = [
            reader(cells)
            for reader, cells in zip(self.readers, (table, table, columns, columns), strict=True)
        ]
        return super().regress(ops.concatenate(seen, axis=-1), training)

    def _shapes(self):
        assert ROWS * COLUMNS == WIDTH
        return ((ROWS, COLUMNS),) * 2 + ((COLUMNS, ROWS),) * 2
