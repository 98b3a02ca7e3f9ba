import numpy as np
import pytest

from report import attention_figures, overlay, style
from tests.report import runs

GREY = np.full((56, 56, 3), 90, np.uint8)


def one_cell(row: int, column: int, size: int = 7) -> np.ndarray:
    attention = np.zeros((size, size), np.float32)
    attention[row, column] = 1
    return attention


def test_a_uniform_map_gives_the_image_back():
    image = np.random.default_rng(0).integers(0, 256, (56, 56, 3), dtype=np.uint8)
    uniform = np.full((7, 7), 1 / 49, np.float32)
    np.testing.assert_array_equal(overlay.overlay(image, uniform), image)


def test_a_map_of_one_cell_colours_that_cell_and_nothing_far_away():
    result = overlay.overlay(GREY, one_cell(1, 5))
    cell = result[8:16, 40:48].astype(int)
    assert (cell[..., 0] > 150).all()  # bright
    assert (cell[..., 0] > cell[..., 2] + 60).all()  # and warm
    far = result.copy()
    far[0:24, 32:56] = GREY[0, 0]  # the cell and its eight neighbours
    np.testing.assert_array_equal(far, GREY)


def test_more_attention_is_brighter_on_a_shared_scale():
    weak, strong = np.full((2, 7, 7), 1.0)
    weak[3, 3], strong[3, 3] = 4.0, 12.0
    centre = [
        overlay.overlay(GREY, heat / heat.sum(), ceiling=16.0)[28, 28].astype(int).sum()
        for heat in (weak, strong)
    ]
    assert GREY[28, 28].sum() < centre[0] < centre[1]


def test_overlay_keeps_the_size_of_the_image():
    result = overlay.overlay(np.zeros((30, 50, 3), np.uint8), one_cell(0, 0, 14))
    assert (result.shape, result.dtype) == ((30, 50, 3), np.uint8)


def test_perplexity_counts_cells():
    two = (one_cell(0, 0) + one_cell(6, 6)) / 2
    maps = np.stack([one_cell(2, 2), two, np.full((7, 7), 1 / 49)])
    np.testing.assert_allclose(overlay.perplexity(maps), [1, 2, 49], rtol=1e-5)


@pytest.mark.parametrize(("peak", "ceiling"), [(1.0, 2.0), (2.0, 2.0), (2.1, 4.0), (49.0, 64.0)])
def test_the_scale_ends_at_the_power_of_two_above_the_peak(peak, ceiling):
    attention = np.full((7, 7), (1 - peak / 49) / 48)
    attention[0, 0] = peak / 49
    assert overlay.color_ceiling(attention) == ceiling


def test_layer_frequencies_of_known_gates():
    gates = np.eye(3)[[[0, 2], [0, 1], [0, 2], [1, 2]]]  # 4 images, 2 steps
    np.testing.assert_array_equal(
        attention_figures.layer_frequencies(gates), [[0.75, 0.25, 0], [0, 0.25, 0.75]]
    )


def test_frequency_figure_draws_the_frequencies_in_the_layers_colours():
    gates = np.eye(2)[[[0], [0], [0], [1]]]
    figure = attention_figures.frequency_figure(gates, ["3b", "5b"])
    bars = figure.axes[0].containers
    assert [bar[0].get_height() for bar in bars] == [0.75, 0.25]
    assert [container.get_label() for container in bars] == ["3b", "5b"]
    assert "4 images" in figure.axes[0].get_title(loc="left")


def test_a_layer_keeps_its_colour_in_every_subset():
    alone, among = style.layer_colors(["4e"]), style.layer_colors(["3b", "4c", "4e", "5b"])
    assert alone["4e"] == among["4e"]
    assert len(set(among.values())) == 4


def test_other_layers_get_colours_of_their_own():
    colors = style.layer_colors(["block_a", "5b", "block_b"])
    assert len(set(colors.values())) == 3


def test_panel_has_a_row_an_image_and_a_column_a_step_and_names_the_layers():
    images = np.zeros((2, 32, 32, 3), np.uint8)
    gates = np.eye(3, dtype=np.float32)[[[0, 1, 2], [2, 2, 2]]]
    figure = attention_figures.attention_figure(
        images, gates, runs.made_up_attention(2), runs.LAYERS
    )
    texts = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    named = [text for texts_of_cell in texts for text in texts_of_cell if text in runs.LAYERS]
    assert named == ["3b", "4e", "5b", "5b", "5b", "5b"]
    assert sum(len(axes.images) for axes in figure.axes) == 2 * (1 + runs.STEPS)


def test_panel_shows_the_attention():
    images = np.full((1, 32, 32, 3), 90, np.uint8)
    gates = runs.made_up_gates(1, steps=1)
    panels = [
        attention_figures.attention_panel(images, gates, heat[None, None], runs.LAYERS)
        for heat in (one_cell(0, 6), one_cell(6, 0))
    ]
    assert panels[0].dtype == np.uint8
    assert panels[0].ndim == 3
    assert panels[0].shape == panels[1].shape
    half = panels[0].shape[1] // 2
    np.testing.assert_array_equal(panels[0][:, :half], panels[1][:, :half])  # the input
    assert (panels[0][:, half:] != panels[1][:, half:]).any()


def test_panel_without_gates_names_the_one_fixed_layer():
    figure = attention_figures.attention_figure(
        np.zeros((1, 32, 32, 3), np.uint8), None, runs.made_up_attention(1, steps=1), ["5b"]
    )
    assert "5b" in [text.get_text() for axes in figure.axes for text in axes.texts]


def test_figure_refuses_images_that_do_not_fit_the_maps():
    with pytest.raises(ValueError, match="2 images and 3 rows"):
        attention_figures.attention_figure(
            np.zeros((2, 8, 8, 3), np.uint8), None, runs.made_up_attention(3), ["5b"]
        )
