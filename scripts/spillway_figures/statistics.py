"""Means with intervals, and tables."""

import random

RESAMPLES = 2000


class Sample:
    """One observation of a block. Observations of one block are drawn together: they saw the same stretch of a market."""

    def __init__(self, block, value):
        self.block = block
        self.value = value


def interval(samples, seed=1):
    """Mean and 95 % interval by a block bootstrap; (mean, low, high)."""
    blocks = {}
    for sample in samples:
        blocks.setdefault(sample.block, []).append(sample.value)
    values = [sample.value for sample in samples]
    mean = sum(values) / len(values)
    sums = [(sum(block), len(block)) for _, block in sorted(blocks.items())]
    draw = random.Random(seed)
    means = []
    for _ in range(RESAMPLES):
        chosen = draw.choices(sums, k=len(sums))
        means.append(sum(total for total, _ in chosen) / sum(count for _, count in chosen))
    means.sort()
    return mean, means[int(0.025 * RESAMPLES)], means[int(0.975 * RESAMPLES) - 1]


def percent(samples, digits=0):
    mean, low, high = interval(samples)
    return f"{100 * mean:.{digits}f} % [{100 * low:.{digits}f}, {100 * high:.{digits}f}]"


def plain(samples, digits=1):
    mean, low, high = interval(samples)
    return f"{mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)
