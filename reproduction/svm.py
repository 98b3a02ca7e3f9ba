"""CNN features and a linear SVM.

The row CNNaug-SVM of tables 5.2 and 5.4, with the pooled features of a trained `googlenet` run in
the place of OverFeat's. All training images are used, the network's validation images too; no test
image has a part in the scaling or in the choice of C.
"""

import json

import numpy as np
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from data.sources import open_source
from errors import UserError
from evaluation.evaluate import reference, source_folder
from evaluation.photographs import BATCH, descriptor_model
from evaluation.scenes import require_classes
from files import whole_file
from run_folder import RunFolder, load_network
from tasks.scene_results import scene_metrics

FOLDS = 5
STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)  # of C, for standardised features
KEPT = ("accuracy", "mean_class_accuracy", "per_class", "images")


def classify(
    features: np.ndarray, labels: np.ndarray, tested: np.ndarray, seed: int = 0
) -> tuple[np.ndarray, float]:
    """Labels [N] of the features `tested` [N, C], and the C that cross-validation chose.

    Args:
        features: [M, C] of the training images.
        labels: [M].
        tested: [N, C].
        seed: Of the folds and the solver.

    Raises:
        UserError: A class has a single training image: nothing is left to validate on.
    """
    smallest = np.unique(labels, return_counts=True)[1].min()
    if smallest < 2:
        raise UserError("a linear SVM needs at least two training images of each class")
    search = GridSearchCV(
        make_pipeline(StandardScaler(), LinearSVC(dual="auto", random_state=seed)),
        {"linearsvc__C": STRENGTHS},
        cv=StratifiedKFold(min(FOLDS, smallest), shuffle=True, random_state=seed),
    )
    search.fit(features, labels)
    return search.predict(tested), search.best_params_["linearsvc__C"]


def evaluate_svm(run: RunFolder, data_dir: str | None = None) -> dict:
    """Writes `<run>/test/svm.json` and returns it: accuracies, number of images and C.

    Args:
        run: A run on scenes with a checkpoint.
        data_dir: Where the data lie, if not where they lay in training.

    Raises:
        UserError: The run is on poses, or checkpoint or data cannot be used, or the
            data are others than it was trained on.
    """
    config = run.config
    digest = run.digest()  # first: what replaces the weights meanwhile must not pass for these
    if config["task"] != "scene":
        raise UserError(f"{run.path} is no run on scenes: an SVM has no classes to tell apart")
    source = open_source(config, data_dir or config["data_dir"])
    reference(run, source)
    training, tested = source.load("train"), source.load("test")
    require_classes(config, tested)
    descriptor = descriptor_model(load_network(run), config["image_size"])
    features, test_features = (
        descriptor.predict(split.test_batches(BATCH)) for split in (training, tested)
    )
    print(f"choosing C of a linear SVM among {', '.join(f'{c:g}' for c in STRENGTHS)}")
    predicted, strength = classify(features, training.targets, test_features, config["seed"])
    one_hot = np.eye(len(training.classes))[predicted]
    metrics = scene_metrics(tested.targets, one_hot, training.classes)
    found = {name: metrics[name] for name in KEPT} | {"C": strength}
    found |= {"data_dir": source_folder(config, data_dir), "weights_sha256": digest}
    with whole_file(run.split_folder("test") / "svm.json") as temporary:
        temporary.write_text(json.dumps(found, indent=2) + "\n")
    return found
