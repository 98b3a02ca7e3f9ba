"""GoogLeNet (Szegedy et al. 2015) as the classifier that it was made as."""

import keras
from keras import layers

from models.class_head import ClassHead
from models.googlenet import CHANNELS
from models.headed_googlenet import HeadedGoogLeNet


@keras.saving.register_keras_serializable("whatwhere")
class GoogLeNetClassifier(HeadedGoogLeNet):
    """RGB images [B, S, S, 3] in 0..255 to {`logits`: [B, K]}; in training `auxiliary` too.

    5b is averaged over space, then dropout and one dense layer. Two auxiliary classifiers at 4a
    and 4d exist for training alone.

    Args:
        classes: Their number, K.
        dropout: Rate before the logits (auxiliary heads: 0.7); 0.4 in the original.
        mean_rgb: Mean of the training images, per channel.
        l2: Weight of the penalty on the sum of squares of each kernel; biases have none.
        seed: Of dropout.
    """

    def __init__(
        self,
        classes,
        dropout=0.4,
        mean_rgb=(123.0, 117.0, 104.0),
        l2=0.0,
        seed=None,
        **kwargs,
    ):
        config = {
            "classes": classes, "dropout": dropout, "mean_rgb": mean_rgb, "l2": l2, "seed": seed,
        }  # fmt: skip
        super().__init__(config, **kwargs)
        self.dropout = layers.Dropout(dropout, seed=seed, dtype="float32", name="dropout")
        self.head = self._new_head()
        self.add_auxiliary_heads(self._new_head)

    def _new_head(self):
        return ClassHead(self._config["classes"], self.regularizer, name="class_head")

    def build(self, input_shape):
        super().build(input_shape)
        self.head.build((None, CHANNELS["5b"]))

    def answer(self, pooled, training):
        return {"logits": self.head(self.dropout(pooled, training=training))}
