"""Figures of series: how like the data samples are, and how good forecasts are."""

from sicore_timeseries.metrics.calibration import (
    PitHistogram,
    coverage,
    pit_histogram,
    pit_values,
)
from sicore_timeseries.metrics.convolutions import convolution_features, convolution_frechet
from sicore_timeseries.metrics.dependence import (
    autocorrelation,
    autocorrelation_distance,
    correlational_score,
    correlations,
)
from sicore_timeseries.metrics.distances import (
    bures_wasserstein,
    bures_wasserstein_to,
    marginal_wasserstein,
    window_energy_distance,
)
from sicore_timeseries.metrics.joint_scores import (
    energy_score,
    joint_gaussian_log_score,
    variogram_score,
)
from sicore_timeseries.metrics.memorisation import neighbour_ratio
from sicore_timeseries.metrics.prediction import prediction_error
from sicore_timeseries.metrics.scores import (
    NINE,
    NINETEEN,
    crps,
    crps_sum,
    gaussian_crps,
    gaussian_log_score,
    mase,
    mean_quantile_loss,
    mean_weighted_quantile_loss,
)
from sicore_timeseries.metrics.signatures import (
    flat,
    from_zero,
    lead_lag,
    line_signature,
    product,
    signature,
    signature_mmd,
    with_time,
)
from sicore_timeseries.metrics.tails import hill_exponent, kurtosis, quantile_error
from sicore_timeseries.metrics.timegan import (
    constant_prediction,
    discriminative_floor,
    discriminative_score,
    predictive_score,
)
from sicore_timeseries.metrics.two_sample import TwoSampleTest, classifier_test

__all__ = [
    "NINE",
    "NINETEEN",
    "PitHistogram",
    "TwoSampleTest",
    "autocorrelation",
    "autocorrelation_distance",
    "bures_wasserstein",
    "bures_wasserstein_to",
    "classifier_test",
    "constant_prediction",
    "convolution_features",
    "convolution_frechet",
    "correlational_score",
    "correlations",
    "coverage",
    "crps",
    "crps_sum",
    "discriminative_floor",
    "discriminative_score",
    "energy_score",
    "flat",
    "from_zero",
    "gaussian_crps",
    "gaussian_log_score",
    "hill_exponent",
    "joint_gaussian_log_score",
    "kurtosis",
    "lead_lag",
    "line_signature",
    "marginal_wasserstein",
    "mase",
    "mean_quantile_loss",
    "mean_weighted_quantile_loss",
    "neighbour_ratio",
    "pit_histogram",
    "pit_values",
    "prediction_error",
    "predictive_score",
    "product",
    "quantile_error",
    "signature",
    "signature_mmd",
    "variogram_score",
    "window_energy_distance",
    "with_time",
]
