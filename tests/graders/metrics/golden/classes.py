"""Inputs of the metrics of classes, made anew from seeds, and golden_classes.npz: what their peers give for them.

    pip install torchmetrics statsmodels uncertainty-calibration expected_cost matplotlib "scikit-learn<1.7"
    python tests/graders/metrics/golden/classes.py

Made with torchmetrics 1.9, statsmodels 0.15, uncertainty-calibration 0.1 and expected_cost 1.0; scikit-learn is called
by the tests.

The file also holds an example of DeLong's test: the ranks of three markers of 113 patients (Turck et al., Intensive
Care Medicine 36, 2010; the data set aSAH of the R package pROC), and the Z and p that the tests of pROC 1.18 expect of
wfns against s100b, wfns against ndka, and ndka against s100b. They are copied over from the file that is there.
"""

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
EXAMPLES = range(6)
CLASSES = 4
COSTS = ((0, 5, 1, 2), (1, 0, 3, 1), (2, 2, 0, 7), (4, 1, 1, 0))
LABELS = 5
DELONG = ("wfns", "s100b", "ndka", "poor", "z", "p")


def of_classes(seed):
    """Probabilities (300, 4) without ties, decided classes and true classes, each class there."""
    rng = np.random.default_rng([4, seed])
    truths = np.r_[np.arange(CLASSES), rng.choice(CLASSES, 296, p=[0.5, 0.25, 0.15, 0.1])]
    weights = rng.gamma(0.7, size=(300, CLASSES)) + 0.6 * (truths[:, None] == np.arange(CLASSES))
    p = weights / weights.sum(axis=1, keepdims=True)
    return p, p.argmax(axis=1), truths


def of_two(seed):
    """Probabilities of class 1 (200,) in steps of 0.01, and true classes."""
    rng = np.random.default_rng([5, seed])
    truths = np.r_[0, 1, rng.integers(2, size=198)]
    return np.round(np.clip(0.3 * truths + 0.7 * rng.random(200), 0, 1), 2), truths


def of_labels(seed):
    """Probabilities (200, 5) of labels that are rare or common, and 0 and 1.

    They have ties, but none is 0.5: a label that torchmetrics then denies and this toolkit names.
    """
    rng = np.random.default_rng([6, seed])
    truths = (rng.random((200, LABELS)) < [0.5, 0.05, 0.9, 0.3, 0.2]).astype(np.int64)
    return np.round(0.3 * truths + 0.69 * rng.random(truths.shape), 2) + 0.005, truths


def peers():
    """Values by name of the metric, one for each example, of the three kinds of input."""
    import calibration
    import torch
    from expected_cost import ec
    from statsmodels.stats.inter_rater import cohens_kappa
    from torchmetrics.functional import classification as tm

    values = {}

    def keep(name, value):
        values.setdefault(name, []).append(float(value))

    def named(average):
        return "" if average == "macro" else f"@{average}"

    for seed in EXAMPLES:
        p, predictions, truths = of_classes(seed)
        probs, decided, true = torch.from_numpy(p), torch.from_numpy(predictions), torch.from_numpy(truths)
        for average in ("macro", "weighted", "micro"):
            how = {"num_classes": CLASSES, "average": average}
            keep(f"classes/f1@{average}", tm.multiclass_f1_score(decided, true, **how))
            keep(f"classes/precision@{average}", tm.multiclass_precision(decided, true, **how))
            keep(f"classes/recall@{average}", tm.multiclass_recall(decided, true, **how))
            if average != "micro":
                keep(f"classes/auroc{named(average)}", tm.multiclass_auroc(probs, true, **how))
                precision = tm.multiclass_average_precision(probs, true, **how)
                keep(f"classes/average_precision{named(average)}", precision)
        table = np.zeros((CLASSES, CLASSES))
        np.add.at(table, (predictions, truths), 1)
        keep("classes/kappa@linear", cohens_kappa(table, wt="linear").kappa)
        keep("classes/expected_cost", ec.average_cost(truths, predictions, ec.CostMatrix(COSTS), adjusted=True))
        for bins in (10, 15):
            keep(f"classes/ece@{bins}", tm.multiclass_calibration_error(probs, true, CLASSES, n_bins=bins))
            each = [tm.binary_calibration_error(probs[:, k], (true == k).long(), n_bins=bins) for k in range(CLASSES)]
            keep(f"classes/ece@classwise@{bins}", np.mean(each))
            keep(f"classes/ece@mass@{bins}", calibration.get_ece_em(p, truths, num_bins=bins))

        p, truths = of_two(seed)
        probs, true = torch.from_numpy(p), torch.from_numpy(truths)
        for at in (0.8, 0.95):
            keep(f"two/specificity@{at}", tm.binary_specificity_at_sensitivity(probs, true, min_sensitivity=at)[0])
            keep(f"two/sensitivity@{at}", tm.binary_sensitivity_at_specificity(probs, true, min_specificity=at)[0])

        p, truths = of_labels(seed)
        probs, true = torch.from_numpy(p), torch.from_numpy(truths)
        for average in ("macro", "weighted", "micro"):
            how = {"num_labels": LABELS, "average": average}
            keep(f"labels/f1@{average}", tm.multilabel_f1_score(probs, true, **how))
            keep(f"labels/precision@{average}", tm.multilabel_precision(probs, true, **how))
            keep(f"labels/recall@{average}", tm.multilabel_recall(probs, true, **how))
            keep(f"labels/auroc{named(average)}", tm.multilabel_auroc(probs, true, **how))
            precision = tm.multilabel_average_precision(probs, true, **how)
            keep(f"labels/average_precision{named(average)}", precision)
        keep("labels/hamming_loss", tm.multilabel_hamming_distance(probs, true, num_labels=LABELS))
        keep("labels/exact_match", tm.multilabel_exact_match(probs, true, num_labels=LABELS))
    return values


def main():
    """Write the file beside this one."""
    with np.load(HERE / "golden_classes.npz", allow_pickle=False) as file:
        stored = {name: file[name] for name in DELONG}
    np.savez_compressed(HERE / "golden_classes.npz", **stored, **{name: np.array(v) for name, v in peers().items()})


if __name__ == "__main__":
    sys.exit(main())
