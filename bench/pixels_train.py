"""Train the text network of ``deid/pixels`` anew, in an environment that has ``tensorflow-cpu`` and ``onnx``, too.

    uv venv .radflow-bench/train
    uv pip install --python .radflow-bench/train -e . tensorflow-cpu onnx
    .radflow-bench/train/bin/python bench/pixels_train.py --minutes 30 --slices FOLDER --out text.onnx

Pictures are generated without end, 256 x 256: drawn anatomy or a crop of a real CT slice (``--slices``), clutter that
is no text (rulers, traces, crosses, grids, arrows), and lines of random strings. The target is the part of each 4 x 4
cell that lies in a line's rectangle. The families in ``pixels_set.HELD_OUT`` are never used, so that
``bench/pixels.py`` has fonts, words and slices that the network has not seen (the drawn anatomy is the same). The
shipped weights: 2592 steps of 16 pictures in 30 minutes on two busy cores, LIDC-IDRI-0314 as slices, with a first form
of this script that drew the same kinds of things with other random numbers.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import string
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:] = [str(HERE.parent), *(place for place in sys.path if Path(place).resolve() != HERE)]

import cv2
import numpy as np
import pydicom

from bench import pixels_set as drawn
from deid.pixels.textnet import channels

Rng = np.random.Generator
Array = np.ndarray[Any, Any]

SIDE, CROP, BATCH = 352, 256, 16


@functools.cache
def fonts() -> list[str]:
    """Font files for training."""
    return [font for font in drawn.fonts() if not drawn.held_out(font)]


def word(rng: Rng) -> str:
    """A random string of a kind that screens show."""
    letters, digits, length = string.ascii_letters, string.digits, int(rng.integers(1, 9))
    kind = int(rng.integers(6))
    if kind == 5:
        parts = [
            "".join(rng.choice(list(digits), int(rng.integers(1, 5)))) for _ in range(int(rng.integers(2, 4)))
        ]
        return str(rng.choice(list("/.-:"))).join(parts)
    pool = (
        letters.upper(),
        letters.lower(),
        digits,
        digits,
        letters + digits + "#%()+=.,:;-_/*'&@^äöüéèßÄÖ",
    )[kind]
    return "".join(rng.choice(list(pool), length))


def words(rng: Rng) -> str:
    """One to five words."""
    count = int(rng.choice([1, 2, 3, 4, 5], p=[0.3, 0.3, 0.2, 0.1, 0.1]))
    return str(rng.choice([" ", "  ", "^", ", "])).join(word(rng) for _ in range(count))


def background(rng: Rng, slices: list[Path]) -> Array:
    """Something of SIDE x SIDE without text."""
    shape, kind = (SIDE, SIDE), int(rng.integers(12))
    if kind < 3 and slices:
        ds = pydicom.dcmread(slices[int(rng.integers(len(slices)))])
        values = ds.pixel_array * float(ds.RescaleSlope) + float(ds.RescaleIntercept)
        gray = (
            np.clip((values - float(rng.choice([-1000, -160, -400, -50]))) / rng.uniform(250, 1400), 0, 1)
            * 255
        )
        side = int(SIDE / rng.uniform(0.8, 2.5))
        top, left = (int(rng.integers(0, max(1, 512 - side))) for _ in range(2))
        part = np.rot90(gray[top : top + side, left : left + side], int(rng.integers(4)))
        return np.asarray(cv2.resize(np.ascontiguousarray(part), shape, interpolation=cv2.INTER_LINEAR))
    if kind == 3:
        return np.full(shape, float(rng.choice([0, 0, 0, int(rng.integers(256))])))
    if 4 <= kind <= 8:
        name = ("US", "CR", "XA", "MG", "SC")[kind - 4]
        big = drawn.BACKGROUNDS[name](rng, (int(rng.integers(500, 1000)),) * 2)
        top, left = (int(rng.integers(0, length - SIDE)) for length in big.shape)
        return big[top : top + SIDE, left : left + SIDE].copy()
    gray = np.full(shape, rng.uniform(20, 220))
    for most, low, high in ((50, 60, 200), (25, 10, 40), (12, 2, 8)):
        gray += rng.uniform(0, most) * drawn.smooth_noise(rng, shape, rng.uniform(low, high))
    gray += rng.uniform(0, 8) * cv2.GaussianBlur(rng.standard_normal(shape), (0, 0), rng.uniform(0.3, 1.5))
    if rng.random() < 0.4:
        gray *= cv2.GaussianBlur(rng.rayleigh(1, shape), (0, 0), rng.uniform(0.6, 1.8)) / 1.2
    return np.clip(gray, 0, 255)


def clutter(rng: Rng, gray: Array) -> None:
    """Draw what is on pictures and no text."""

    def point() -> tuple[int, int]:
        return int(rng.integers(0, SIDE)), int(rng.integers(0, SIDE))

    for _ in range(int(rng.integers(0, 5))):
        level, width, kind = float(rng.integers(0, 256)), int(rng.choice([1, 1, 2, 3])), int(rng.integers(8))
        if kind == 0:
            cv2.line(gray, point(), point(), level, width, cv2.LINE_AA)
        elif kind == 1:
            cv2.rectangle(gray, point(), point(), level, width)
        elif kind == 2:
            axes = (int(rng.integers(4, 90)), int(rng.integers(4, 90)))
            cv2.ellipse(
                gray,
                point(),
                axes,
                float(rng.integers(180)),
                0,
                int(rng.choice([360, 180, 90])),
                level,
                width,
            )
        elif kind == 3:  # a ruler
            (x, y), step, length = point(), int(rng.integers(4, 25)), int(rng.integers(3, 12))
            upright = rng.random() < 0.5
            for number in range(int(rng.integers(4, 25))):
                long, at = length * (2 if number % 5 == 0 else 1), number * step
                ends = ((x, y + at), (x + long, y + at)) if upright else ((x + at, y), (x + at, y + long))
                cv2.line(gray, *ends, level, width)
        elif kind == 4:  # a trace
            count = int(rng.integers(20, 200))
            heights = np.cumsum(rng.normal(0, rng.uniform(0.5, 4), count)) + rng.integers(SIDE)
            heights -= (np.arange(count) % int(rng.integers(10, 40)) == 0) * rng.uniform(0, 50)
            across = np.arange(count) * rng.uniform(1, 4) + rng.integers(-50, SIDE)
            line = np.stack([across, heights], 1).astype(np.int32)
            cv2.polylines(gray, [line], isClosed=False, color=level, thickness=width, lineType=cv2.LINE_AA)
        elif kind == 5:
            for _ in range(int(rng.integers(1, 12))):
                marker = int(rng.choice([cv2.MARKER_CROSS, cv2.MARKER_TILTED_CROSS, cv2.MARKER_DIAMOND]))
                cv2.drawMarker(gray, point(), level, marker, int(rng.integers(4, 18)), width)
        elif kind == 6:
            step = int(rng.integers(8, 60))
            for number in range(int(rng.integers(2, 12))):
                cv2.line(gray, (number * step, 0), (number * step, SIDE), level, 1)
        else:
            cv2.arrowedLine(
                gray, point(), point(), level, width, cv2.LINE_AA, tipLength=rng.uniform(0.05, 0.3)
            )


def plant(rng: Rng, gray: Array, area: Array, weight: Array) -> None:
    """Draw one line if it fits; ``area`` gets its rectangle, ``weight`` more where it is small."""
    size = int(np.exp(rng.uniform(np.log(9), np.log(46))))
    turn = float(rng.choice([0, 90, 180, 270], p=[0.7, 0.13, 0.04, 0.13]))
    turn += float(rng.uniform(-10, 10)) if rng.random() < 0.15 else 0
    coverage = drawn.glyphs(words(rng), str(rng.choice(fonts())), size)[:, : int(SIDE * 1.2)]
    if min(coverage.shape) < 3:
        return
    if rng.random() < 0.1:
        coverage = np.clip(coverage * rng.uniform(1.5, 3), 0, 1)  # hardly smoothed edges
    rectangle, coverage = drawn.turned(np.ones_like(coverage), turn), drawn.turned(coverage, turn)
    h, w = coverage.shape
    top = int(rng.integers(-h // 3, max(1 - h // 3, SIDE - h * 2 // 3)))
    left = int(rng.integers(-w // 3, max(1 - w // 3, SIDE - w * 2 // 3)))
    y0, x0, y1, x1 = max(top, 0), max(left, 0), min(top + h, SIDE), min(left + w, SIDE)
    if y1 - y0 < 4 or x1 - x0 < 4 or area[max(0, y0 - 3) : y1 + 3, max(0, x0 - 3) : x1 + 3].any():
        return
    inside = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
    coverage, rectangle, here = coverage[inside], rectangle[inside], np.s_[y0:y1, x0:x1]
    around = gray[max(0, y0 - 8) : y1 + 8, max(0, x0 - 8) : x1 + 8]
    if rng.random() < 0.1:
        around[:] = float(rng.integers(256))
    level = float(np.median(around))
    low, high = ((100, 220), (45, 110), (14, 50))[int(rng.choice(3, p=[0.25, 0.3, 0.45]))]
    need = max(float(rng.uniform(low, high)), 1.5 * float(around.std()))
    sign = 1 if level + need <= 255 and (rng.random() < 0.7 or level < need) else -1
    if not 0 <= level + sign * need <= 255:
        return
    part = gray[here]
    if need > 60 and rng.random() < 0.2:
        outline = cv2.dilate(np.ascontiguousarray(coverage), np.ones((3, 3)))
        part += outline * (np.clip(level - sign * 60, 0, 255) - part)
    part += coverage * (level + sign * need - part)
    area[here] = np.maximum(area[here], rectangle)
    weight[here] = np.clip(40 / size, 1, 4)


def sample(seed: int, slices: list[Path]) -> tuple[Array, Array, Array]:
    """Input (256, 256, 3), target and weight (64, 64, 1)."""
    rng = np.random.default_rng([77, seed])
    gray = np.ascontiguousarray(np.clip(background(rng, slices), 0, 255).astype(np.float64))
    clutter(rng, gray)
    area, weight = np.zeros((SIDE, SIDE), np.float32), np.ones((SIDE, SIDE), np.float32)
    for _ in range(int(rng.choice([0, 2, 4, 6, 8], p=[0.15, 0.2, 0.25, 0.25, 0.15]))):
        plant(rng, gray, area, weight)
    if rng.random() < 0.15:
        gray = cv2.GaussianBlur(gray, (0, 0), rng.uniform(0.3, 0.7))
    if rng.random() < 0.15:
        gray = gray + rng.uniform(1, 4) * rng.standard_normal(gray.shape)
    picture = np.clip(np.round(gray), 0, 255).astype(np.uint8)
    if rng.random() < 0.2:
        stream = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(45, 96))])[1]
        picture = cv2.imdecode(stream, cv2.IMREAD_GRAYSCALE)
    if rng.random() < 0.3:
        picture = 255 - picture
    top, left = (int(rng.integers(0, SIDE - CROP + 1)) for _ in range(2))
    quarter = int(rng.integers(4)) if rng.random() < 0.25 else 0
    planes = [
        np.ascontiguousarray(np.rot90(plane[top : top + CROP, left : left + CROP], quarter))
        for plane in (picture, area, weight)
    ]
    cells = [
        cv2.resize(plane, (CROP // 4, CROP // 4), interpolation=cv2.INTER_AREA)[..., None]
        for plane in planes[1:]
    ]

    return channels(planes[0])[0].transpose(1, 2, 0), cells[0], cells[1]


def worker(queue: Any, slices: list[Path]) -> None:
    """Make batches for ever."""
    cv2.setNumThreads(1)
    number = 0
    while True:
        batch = [sample(number + n, slices) for n in range(BATCH)]
        number += BATCH
        queue.put(tuple(np.stack(parts).astype(np.float32) for parts in zip(*batch, strict=True)))


def network(tf: Any) -> Any:
    """A U-shaped network from 1/2 to 1/16 of the resolution and back to 1/4; 230,481 weights."""
    layers = tf.keras.layers

    def convolve(x: Any, width: int, kernel: int = 3, stride: int = 1, rate: int = 1) -> Any:
        x = layers.Conv2D(width, kernel, stride, "same", dilation_rate=rate, use_bias=False)(x)
        return layers.ReLU()(layers.BatchNormalization(momentum=0.98)(x))

    start = layers.Input((None, None, 3))
    half = convolve(convolve(start, 16, 5, 2), 16)
    quarter = convolve(convolve(half, 32, 3, 2), 32)
    eighth = convolve(convolve(quarter, 48, 3, 2), 48)
    x = convolve(convolve(eighth, 64, 3, 2), 64)
    x = convolve(convolve(x, 64, rate=2), 64, rate=4)
    for width, skipped in ((48, eighth), (32, quarter)):
        x = convolve(convolve(layers.Concatenate()([layers.UpSampling2D()(x), skipped]), width, 1), width)
    return tf.keras.Model(start, layers.Conv2D(1, 1)(x))


def train(tf: Any, minutes: float, slices: list[Path]) -> Any:
    """Weighted cross-entropy that dwells on what is wrong, plus Dice; the step shrinks along a cosine."""
    context = multiprocessing.get_context("spawn")
    queue: Any = context.Queue(12)
    context.Process(target=worker, args=(queue, slices), daemon=True).start()
    model = network(tf)
    optimizer = tf.keras.optimizers.AdamW(2e-3, weight_decay=1e-4)

    @tf.function
    def step(x: Any, target: Any, weight: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            found = tf.sigmoid(logits)
            entropy = tf.nn.sigmoid_cross_entropy_with_logits(target, logits) * (
                0.25 + tf.abs(found - target)
            )
            overlap = 2 * tf.reduce_sum(found * target * weight) + 1
            dice = 1 - overlap / (tf.reduce_sum((found + target) * weight) + 1)
            loss = 4 * tf.reduce_mean(entropy * weight * (1 + 2 * target)) + 0.5 * dice
        gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, model.trainable_variables), 1.0)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    recent: list[Any] = []
    rng, started, number = np.random.default_rng(0), time.monotonic(), 0
    while (part := (time.monotonic() - started) / 60 / minutes) < 1:
        if not queue.empty() or len(recent) < 20:
            recent = [*recent, queue.get()][-150:]
            batch = recent[-1]
        else:  # a recent batch again, rather than waiting for a fresh one
            batch = recent[int(rng.integers(len(recent)))]
        rate = 0.98 * 0.5 * (1 + np.cos(np.pi * part)) + 0.02
        optimizer.learning_rate.assign(2e-3 * min(1, (number + 1) / 100) * rate)
        loss = float(step(*batch))
        number += 1
        if number % 100 == 0:
            print(number, round(loss, 4), flush=True)
    return model


def export(model: Any, out: Path) -> None:
    """The model as ONNX, batch normalisation folded into the convolutions, channels first."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants, names = [], [], {}

    def constant(values: Array, name: str) -> str:
        constants.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    name = "x"
    for number, layer in enumerate(model.layers):
        kind = type(layer).__name__
        given = layer.input if isinstance(layer.input, list | tuple) else [layer.input]
        inputs = [] if kind == "InputLayer" else [names[id(tensor)] for tensor in given]
        name = "x" if kind == "InputLayer" else f"t{number}"
        if kind == "Conv2D":
            kernel, *bias = layer.get_weights()
            kernel = kernel.transpose(3, 2, 0, 1)
            shift = bias[0] if bias else np.zeros(len(kernel))
            follower = next(
                (
                    other
                    for other in model.layers
                    if type(other).__name__ == "BatchNormalization" and other.input is layer.output
                ),
                None,
            )
            if follower is not None:
                gamma, beta, mean, variance = follower.get_weights()
                scale = gamma / np.sqrt(variance + follower.epsilon)
                kernel, shift = kernel * scale[:, None, None, None], beta + (shift - mean) * scale
            stride, rate = layer.strides[0], layer.dilation_rate[0]
            total = max((kernel.shape[2] - 1) * rate + 1 - stride, 0)  # as "same" pads even sides
            pads = [total // 2, total // 2, total - total // 2, total - total // 2]
            weights = [constant(kernel, f"w{number}"), constant(shift, f"b{number}")]
            options = {"strides": [stride] * 2, "dilations": [rate] * 2, "pads": pads}
            nodes.append(helper.make_node("Conv", [*inputs, *weights], [name], **options))
        elif kind == "BatchNormalization":
            name = inputs[0]
        elif kind == "ReLU":
            nodes.append(helper.make_node("Relu", inputs, [name]))
        elif kind == "Concatenate":
            nodes.append(helper.make_node("Concat", inputs, [name], axis=1))
        elif kind == "UpSampling2D":
            scales = constant(np.array([1, 1, 2, 2]), f"s{number}")
            options = {
                "mode": "nearest",
                "coordinate_transformation_mode": "asymmetric",
                "nearest_mode": "floor",
            }
            nodes.append(helper.make_node("Resize", [inputs[0], "", scales], [name], **options))
        names[id(layer.output)] = name
    nodes.append(helper.make_node("Sigmoid", [name], ["p"]))
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, "h", "w"])
    result = helper.make_tensor_value_info("p", TensorProto.FLOAT, [1, 1, None, None])
    graph = helper.make_graph(nodes, "text", [given], [result], constants)
    whole = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(whole)
    onnx.save(whole, out)


def main() -> None:
    """Train and export."""
    import tensorflow

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--slices", type=Path, help="folder of CT slices for backgrounds")
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    slices = sorted(chosen.slices.rglob("*.dcm")) if chosen.slices else []
    export(train(tensorflow, chosen.minutes, slices), chosen.out)


if __name__ == "__main__":
    main()
