"""A layer's features as a map: t-SNE or PCA, all classes together or one alone, with names."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import numpy as np

from headrace.train.reporting import plotting
from headrace.train.reporting.elements import Chart, Section, percent
from headrace.train.reporting.judged import THUMB_PX, Judged
from headrace.train.reporting.pictures import Budget
from headrace.train.reporting.projection import (
    FEWEST,
    fitting_perplexity,
    neighbour_share,
    principal_components,
    tsne,
)
from headrace.train.reporting.subject import Subject

NAMED = 16
"""Up to so many classes, the map has a legend; of more, names are beside the pointer."""


def make(subject: Subject) -> Section | None:
    """The map and what its controls need."""
    judged = subject.judged
    if judged is None:
        return None
    labels = judged.outcome.labels[judged.shown]
    known = labels >= 0
    features = judged.features[known]
    if len(features) < FEWEST or not features.shape[1]:
        few = f"{len(features)} samples are too few"
        why = few if features.shape[1] else "the layer gives no row for each image"
        subject.gaps.append(f"There is no map of features: {why}.")
        return None
    if not np.isfinite(features).all():
        subject.gaps.append("There is no map of features: some are not finite numbers.")
        return None
    components, shares = principal_components(features, 2)
    if components.shape[1] < 2:
        components = np.pad(components, ((0, 0), (0, 1)))
        shares = np.append(shares, 0.0)
    neighbours = tsne(features)
    if neighbours is None:
        subject.gaps.append(
            "The map has no t-SNE, which needs scikit-learn: pip install 'headrace[report]'."
        )
    present = sorted({int(label) for label in labels[known]})
    return Section(
        id="feature_map",
        title="Map of features",
        values={
            "chart": _chart(_points(subject, judged, known, components, neighbours)),
            "layer": judged.layer,
            "dimensions": features.shape[1],
            "count": len(features),
            "perplexity": f"{fitting_perplexity(len(features)):.0f}",
            "has_tsne": neighbours is not None,
            "shares": [percent(float(share)) for share in shares],
            "classes": [(label, judged.classes[label]) for label in present],
            "alike": percent(neighbour_share(features, labels[known])),
        },
    )


def _points(
    subject: Subject,
    judged: Judged,
    known: np.ndarray,
    components: np.ndarray,
    neighbours: np.ndarray | None,
) -> Any:
    """Bokeh's columns, a row for each sample."""
    from bokeh.models import ColumnDataSource

    places, outcome = judged.shown[known], judged.outcome
    labels, predicted = outcome.labels[places], outcome.predicted[places]
    first = components if neighbours is None else neighbours
    # A class keeps its look whatever is shown.
    order = {label: place for place, label in enumerate(np.unique(labels).tolist())}
    looks = [order[int(label)] for label in labels]
    return ColumnDataSource(
        {
            "x": first[:, 0],
            "y": first[:, 1],
            "pca_x": components[:, 0],
            "pca_y": components[:, 1],
            "tsne_x": first[:, 0],
            "tsne_y": first[:, 1],
            "label": labels.tolist(),
            "true": [judged.classes[int(label)] for label in labels],
            "taken": [judged.classes[int(label)] for label in predicted],
            "sure": outcome.confidence[places],
            "name": [PurePath(judged.names[int(place)]).name for place in places],
            "wrong": ["" if a == b else "wrong" for a, b in zip(labels, predicted, strict=True)],
            "series": [str(look % len(plotting.SERIES)) for look in looks],
            "marker": [plotting.marker_of(look) for look in looks],
            "alpha": [0.8] * len(labels),
            "size": [8.0] * len(labels),
            "thumb": [_thumb(subject.budget, pixels) for pixels in judged.thumbs[known]],
        },
        name="map",
    )


def _chart(source: Any) -> Chart:
    data = source.data
    count, num_classes = len(data["label"]), len(set(data["label"]))
    plot = plotting.new_plot(x="", y="", height=560, has_axes=False)
    plot.tools[0].dimensions = "both"
    colours = {"field": "series", "transform": plotting.series_colours(len(plotting.SERIES))}
    dots = plot.scatter(
        "x", "y", source=source, marker="marker", size="size", fill_color=colours,
        line_color=colours, fill_alpha="alpha", line_alpha="alpha",
        **({"legend_group": "true"} if num_classes <= NAMED else {}),
    )  # fmt: skip
    plotting.style_legend(plot, columns=4)
    words = "<b>@true</b><br>taken for @taken, @sure{0%}<br>@name"
    picture = '<img src="@thumb" alt="" width="64" style="flex: none">'
    plotting.add_hover(plot, [dots], words, picture=picture)
    right = data["wrong"].count("") / count
    alt = (
        f"A map of {count} held-out samples of {num_classes} classes: samples that the "
        f"network finds alike lie together. {percent(right)} of them are classified rightly. "
        "Choose a class to see it alone, with the names of its samples in a table."
    )
    return Chart(id="map", title="Held-out samples", alt=alt, item=plotting.to_item(plot))


def _thumb(budget: Budget, pixels: np.ndarray) -> str:
    """A tiny picture as text; nothing where the page has no room for more."""
    taken = budget.take(pixels, THUMB_PX, quality=60)
    return taken[0] if taken else ""
