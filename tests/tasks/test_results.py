import numpy as np
import pytest

from tasks.results import chosen_layers, retrieve


@pytest.mark.parametrize("chunk_size", [1, 2, 100])
def test_retrieval_on_orthogonal_descriptors_finds_each_one(chunk_size):
    answers = np.arange(35).reshape(5, 7)
    order = [3, 0, 4, 4, 1]
    found = retrieve(np.eye(5), answers, 7 * np.eye(5)[order], chunk_size=chunk_size)
    np.testing.assert_array_equal(found, answers[order])


def test_retrieval_compares_directions_not_lengths():
    train = np.array([[100.0, 100.0], [0.1, 0.0]])  # the first has the larger dot product
    found = retrieve(train, np.array([1, 2]), np.array([[1.0, 0.1]]))
    assert found.tolist() == [2]


def test_a_descriptor_of_zeros_is_never_preferred_and_gives_no_nan():
    train = np.array([[0.0, 0.0], [1.0, 0.0]])
    found = retrieve(train, np.array([1, 2]), np.array([[1.0, 1.0]]))
    assert found.tolist() == [2]


def test_retrieval_refuses_descriptors_of_another_length():
    with pytest.raises(ValueError, match="3 and 4"):
        retrieve(np.eye(3), np.zeros((3, 7)), np.eye(4))


def test_chosen_layers_are_named_by_the_largest_entry():
    gates = [[[0, 1, 0], [1, 0, 0]], [[0, 0, 1], [0.2, 0.3, 0.5]]]
    assert chosen_layers(gates, ["3b", "4e", "5b"]) == [["4e", "3b"], ["5b", "5b"]]
