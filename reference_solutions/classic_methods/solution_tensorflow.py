"""How old is the fetus? Least squares, a support vector machine, a random forest and a learning curve, in TensorFlow.

The idea. Three classic ways to learn from a table, each from its parts. Least squares weighs the columns and adds them
up: its cost is a bowl, so its lowest point comes from algebra or from walking downhill, and ridge keeps the weights
small where the data leave them open. A support vector machine moves a boundary until every row lies beyond a margin;
only rows that do not are counted. A random forest lets many trees vote that each saw other rows and other columns;
the rows that a tree has not seen test it for nothing. A learning curve says whether more patients would help.

    Legendre 1805, Gauss 1809 (least squares). Hoerl, Kennard: Ridge regression, Technometrics 12, 1970.
    Cortes, Vapnik: Support-vector networks, Machine Learning 20, 1995.
    Breiman: Random forests, Machine Learning 45, 2001.
    Hadlock et al.: Estimating fetal age, Radiology 152, 1984.

This differs from the papers: the support vector machine is linear and in its primal form, and its kernel stands
alone. The trees of the forest are grown until their leaves are pure, and the forest only classifies. A tree is no
tensor: the forest and the learning curve are those of the NumPy solution.

Read from top to bottom: settings, least squares, support vectors, random forest, amount of data, model, prediction.
"""

from pathlib import Path

import numpy as np
import tensorflow as tf

FRAMEWORK = "tensorflow"


# -------------------------------------------------------------------------------------------------- settings

L2 = 1.0  # for standardised columns
HELD_OUT = 0.25  # share of the subjects that test every point of a learning curve


# --------------------------------------------------------------------------------------------- least squares


def double(values):
    """An array as a tensor in double precision: a sum of squares of millimetres is large."""
    return tf.constant(np.asarray(values, np.float64))  # tf.cast makes a Python number float32 first


def ridge(x, y, l2):
    """(n, d), (n,) -> w (d,) and b that minimise sum (y - x w - b)^2 + l2 |w|^2; of several, the smallest w.

    Centring takes b out of the problem, so that it is not penalised. The penalty is d more rows of data: they say
    that sqrt(l2) w is 0.
    """
    x, y = double(x), double(y)
    mean_x, mean_y = tf.reduce_mean(x, axis=0), tf.reduce_mean(y)
    rows = tf.concat([x - mean_x, l2**0.5 * tf.eye(x.shape[1], dtype=x.dtype)], axis=0)  # (n + d, d)
    target = tf.concat([y - mean_y, tf.zeros(x.shape[1], x.dtype)], axis=0)  # (n + d,)
    w = tf.linalg.matvec(tf.linalg.pinv(rows), target)  # takes the smallest w where many fit alike
    return w.numpy(), float(mean_y - tf.tensordot(mean_x, w, 1))


def ridge_gradient(w, b, x, y, l2):
    """The slope of sum (y - x w - b)^2 + l2 |w|^2 in w (d,) and in b, as automatic differentiation gives it."""
    w, b = tf.Variable(double(w)), tf.Variable(double(b))
    with tf.GradientTape() as tape:
        error = tf.linalg.matvec(double(x), w) + b - double(y)  # (n,)
        cost = tf.reduce_sum(error**2) + l2 * tf.reduce_sum(w**2)
    slope_w, slope_b = tape.gradient(cost, (w, b))
    return slope_w.numpy(), float(slope_b)


def gradient_descent(x, y, l2, lr, steps):
    """w (d,) and b after `steps` steps of gradient descent from zero, each -lr times the slope at the old w and b."""
    w, b = np.zeros(x.shape[1]), 0.0
    for _ in range(steps):
        slope_w, slope_b = ridge_gradient(w, b, x, y, l2)
        w, b = w - lr * slope_w, b - lr * slope_b
    return w, b


def largest_step(x, l2):
    """The learning rate above which `gradient_descent` runs away: 2 / the largest curvature of the cost.

    Along an eigenvector of the Hessian with curvature c, a step multiplies the distance from the lowest point by
    1 - lr c. It shrinks while lr c < 2. The offset is a column of ones without penalty.
    """
    columns = tf.concat([double(x), tf.ones((len(x), 1), tf.float64)], axis=1)  # (n, d + 1)
    hessian = 2 * tf.transpose(columns) @ columns + 2 * l2 * tf.linalg.diag(double([*[1] * x.shape[1], 0]))
    return float(2 / tf.linalg.eigvalsh(hessian)[-1])


def r2_score(y, predicted):
    """1 - squared error / squared distance of y from its mean. Below 0 the mean would have been the better answer."""
    y, predicted = y.astype(np.float64), predicted.astype(np.float64)
    return float(1 - ((y - predicted) ** 2).sum() / ((y - y.mean()) ** 2).sum())


# ------------------------------------------------------------------------------------------- support vectors


def hinge_loss_gradient(w, b, x, y, c):
    """The cost |w|^2 / 2 + c sum max(0, 1 - y (x w + b)) of y = -1 or 1, and its slope in w (d,) and in b.

    A row beyond the margin costs nothing and has no slope: only the others, the support vectors, move the boundary.
    """
    w, b = tf.Variable(double(w)), tf.Variable(double(b))
    with tf.GradientTape() as tape:
        short = 1 - double(y) * (tf.linalg.matvec(double(x), w) + b)  # (n,) how far each row is from the margin
        cost = tf.reduce_sum(w**2) / 2 + c * tf.reduce_sum(tf.nn.relu(short))
    slope_w, slope_b = tape.gradient(cost, (w, b))
    return float(cost), slope_w.numpy(), float(slope_b)


def rbf_kernel(a, b, gamma):
    """(n, d), (m, d) -> (n, m), how alike two rows are: exp(-gamma |a_i - b_j|^2). gamma is 1 / length^2."""
    difference = double(a)[:, None] - double(b)[None]  # (n, m, d)
    return tf.exp(-gamma * tf.reduce_sum(difference**2, axis=2)).numpy()


# --------------------------------------------------------------------------------------------- random forest


def gini(counts):
    """(k,) rows of each class -> 1 - sum p^2: how often two rows, drawn with replacement, are of different classes."""
    share = counts / counts.sum()
    return float(1 - (share**2).sum())


def best_split(x, y):
    """(n, d), classes (n,) -> feature, threshold, decrease: the question `x[:, feature] <= threshold` that helps most.

    It helps by how much the Gini impurity falls, each side weighted by its rows. A threshold lies half-way between
    two neighbouring values, so that new rows fall to the side that is nearer.
    """
    classes = np.arange(y.max() + 1)
    before, best = gini(np.bincount(y)), (0, 0.0, -1.0)
    for feature in range(x.shape[1]):
        order = np.argsort(x[:, feature], kind="stable")
        values = x[order, feature].astype(np.float64)
        left = (y[order, None] == classes).cumsum(axis=0)  # (n, k) rows of each class among the first i + 1
        right = left[-1] - left
        for i in np.flatnonzero(values[1:] > values[:-1]):  # equal values cannot be parted
            share = (i + 1) / len(y)
            decrease = before - share * gini(left[i]) - (1 - share) * gini(right[i])
            if decrease > best[2]:
                best = (feature, float((values[i] + values[i + 1]) / 2), float(decrease))
    return best


def grow_tree(x, y, max_features, rng):
    """A class, if the rows agree, else (feature, threshold, tree of the rows up to it, tree of the rows above it).

    Each question may use `max_features` columns, drawn anew: the trees of a forest should not all ask the same.
    """
    leaf = int(np.bincount(y).argmax())
    columns = rng.permutation(x.shape[1])[:max_features]
    if (y == leaf).all() or (x[:, columns] == x[0, columns]).all():
        return leaf
    column, threshold, _ = best_split(x[:, columns], y)
    feature = int(columns[column])
    low = x[:, feature] <= threshold
    if low.all() or not low.any():
        return leaf
    sides = (grow_tree(x[part], y[part], max_features, rng) for part in (low, ~low))
    return (feature, threshold, *sides)


def tree_predict(tree, x):
    """(n, d) -> the class (n,) of the leaf in which each row ends."""
    if not isinstance(tree, tuple):
        return np.full(len(x), tree)
    feature, threshold, low, high = tree
    return np.where(x[:, feature] <= threshold, tree_predict(low, x), tree_predict(high, x))


def bootstrap(n, rng):
    """n row numbers, drawn with replacement: some come twice, and 37 % of the rows not at all."""
    return rng.integers(0, n, n)


def left_out_share(n, draws):
    """The expected share of n rows that `draws` draws with replacement leave out: (1 - 1/n)^draws."""
    return float((1 - 1 / n) ** draws)


def fit_forest(x, y, n_trees, seed):
    """Trees, each with the rows of the bootstrap that it grew on: [(rows, tree), ...]."""
    rng = np.random.default_rng(seed)
    max_features = max(1, round(x.shape[1] ** 0.5))
    forest = []
    for _ in range(n_trees):
        rows = bootstrap(len(x), rng)
        forest.append((rows, grow_tree(x[rows], y[rows], max_features, rng)))
    return forest


def forest_predict(forest, x):
    """(n, d) -> the class (n,) that most trees vote for."""
    votes = np.stack([tree_predict(tree, x) for _, tree in forest])  # (t, n)
    return (votes[..., None] == np.arange(votes.max() + 1)).sum(axis=0).argmax(axis=1)


def out_of_bag_accuracy(forest, x, y):
    """The share of the training rows that the forest gets right, if only trees vote that have not seen the row."""
    votes = np.zeros((len(y), y.max() + 1), int)  # (n, k)
    for rows, tree in forest:
        unseen = np.setdiff1d(np.arange(len(y)), rows)
        votes[unseen, tree_predict(tree, x[unseen])] += 1
    judged = votes.sum(axis=1) > 0  # every tree may have seen a row
    return float((votes.argmax(axis=1) == y)[judged].mean())


# -------------------------------------------------------------------------------------------- amount of data


def split_subjects(subject, share, seed):
    """The rows (a,) of most subjects and the rows (b,) of the share that is held out: no subject is in both."""
    subjects = np.random.default_rng(seed).permutation(np.unique(subject))
    held_out = np.isin(subject, subjects[: round(share * len(subjects))])
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def nested_subsets(subject, sizes, seed):
    """For each size, the rows of so many subjects. The order is drawn only once, so that each subset holds the last."""
    subjects = np.random.default_rng(seed).permutation(np.unique(subject))
    return [np.flatnonzero(np.isin(subject, subjects[:size])) for size in sizes]


def learning_curve(model, cases, sizes, seed):
    """The RMSE (s,) of `model` on the same held-out subjects, fitted to ever more of the others."""
    rest, test = split_subjects(cases["subject"], HELD_OUT, seed)
    errors = []
    for subset in nested_subsets(cases["subject"][rest], sizes, seed):
        rows = rest[subset]  # a subset numbers the rows of `rest`
        model.fit(cases["x"][rows], cases["y"][rows])
        errors.append(np.sqrt(np.mean((model.predict(cases["x"][test]) - cases["y"][test]) ** 2)))
    return np.array(errors)


# ----------------------------------------------------------------------------------------------------- model


class GrowthCurve:
    """Ridge on the lengths and their squares, for growth slows down: rows (n, 4) mm -> weeks (n,)."""

    def fit(self, x, y):
        x = features(x)
        self.mean, self.scale = tf.reduce_mean(x, axis=0), tf.math.reduce_std(x, axis=0)  # of the training rows
        w, self.b = ridge((x - self.mean) / self.scale, y, L2)
        self.w = double(w)

    def predict(self, x):
        return (tf.linalg.matvec((features(x) - self.mean) / self.scale, self.w) + self.b).numpy()


def features(x):
    """(n, 4) -> (n, 8): the lengths and their squares."""
    x = double(x)
    return tf.concat([x, x**2], axis=1)


def fit(train, val=None, *, seed, budget_s, log=None):
    """Ridge by algebra: nothing is left to chance, so `seed` is not used, and it takes milliseconds.

    `log` receives a single point, the mean squared error of the training rows; `val` is not used.
    """
    model = GrowthCurve()
    model.fit(train["x"], train["y"])
    if log is not None:
        log(1, float(np.mean((model.predict(train["x"]) - train["y"]) ** 2)), None)
    return model


# ------------------------------------------------------------------------------------------------ prediction


def predict(model, inputs):
    """`inputs["x"]` (n, 4) mm -> {"value": (n,)}, weeks."""
    return {"value": model.predict(inputs["x"])}


def save(model, folder):
    """Write the weights, the offset and the scaling into `folder`."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    np.savez(Path(folder) / "growth_curve.npz", **vars(model))


def load(folder):
    """The model that `save` wrote."""
    model = GrowthCurve()
    with np.load(Path(folder) / "growth_curve.npz") as stored:
        for name in stored.files:
            setattr(model, name, double(stored[name]))
    return model
