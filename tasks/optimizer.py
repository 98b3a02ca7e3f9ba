"""Adam with a learning rate of its own for parts of the network."""

import keras


@keras.saving.register_keras_serializable("whatwhere")
class ScaledAdam(keras.optimizers.Adam):
    """Adam that multiplies the learning rate of the variables under given names.

    Args:
        scales: From a part of a variable's path ("trunk/") to the factor of its learning rate.
            The first part that fits counts; other variables have the factor 1.
    """

    def __init__(self, *args, scales: dict[str, float] | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self.scales = dict(scales or {})

    def scale_of(self, path: str) -> float:
        """The factor of the variable at `path`."""
        return next((factor for part, factor in self.scales.items() if part in path), 1.0)

    def build(self, variables):
        super().build(variables)
        self._factors = [self.scale_of(variable.path) for variable in variables]

    def update_step(self, gradient, variable, learning_rate):
        # Looked up by index, as Keras's own optimizers find their moments: TensorFlow hands over
        # its bare variables here, without a path.
        factor = self._factors[self._get_variable_index(variable)]
        super().update_step(gradient, variable, learning_rate * factor)

    def get_config(self):
        return {**super().get_config(), "scales": self.scales}
