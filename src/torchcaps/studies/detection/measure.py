"""What the detection study measures of its networks."""

from torchcaps.analysis.robustness.detection import Detection
from torchcaps.studies.results import Results

# False positive rates of the curves, on the validation images.
RATES = tuple(k / 100 for k in range(21))


def add_detections(
    results: Results, name: str, seeds: list[Detection], epsilon: float, rate: float
) -> None:
    """Add what one network reaches: accuracy; threshold and false_positive_rate by detector; by
    attack success_rate at every epsilon, and at `epsilon` undetected_rate and AUROC by detector;
    AUROC by kind of out-of-distribution images. Rates are in percent."""
    first = seeds[0]
    results.add(name, "accuracy", [100 * seed.accuracy() for seed in seeds])
    for attack, size in first.attacked:
        values = [100 * seed.success_rate((attack, size)) for seed in seeds]
        results.add(name, "success_rate", values, f"{attack}, {size:g}")
    for detector in first.detectors:
        results.add(name, "threshold", [s.threshold(detector, rate) for s in seeds], detector)
        flagged = [100 * seed.false_positive_rate(detector, rate) for seed in seeds]
        results.add(name, "false_positive_rate", flagged, detector)
        for attack in (attack for attack, size in first.attacked if size == epsilon):
            key = attack, epsilon
            for share in sorted({*RATES, rate}):
                values = [100 * seed.undetected_rate(key, detector, share) for seed in seeds]
                results.add(name, "undetected_rate", values, f"{attack}, {detector}, {share:g}")
            areas = [seed.attack_auroc(key, detector) for seed in seeds]
            results.add(name, "auroc", areas, f"{attack}, {detector}")
        for kind in first.out_of_distribution:
            areas = [seed.out_of_distribution_auroc(kind, detector) for seed in seeds]
            results.add(name, "auroc", areas, f"{kind}, {detector}")
