"""Train the text network of ``deid/pixels``, in an environment that has ``torch`` and ``onnx``, too.

    python bench/pixels_train.py --slices CT --slices MR --fonts FOLDER --start old.onnx --out text.onnx --minutes 60

One process draws pictures without end (``pixels_samples``), one learns; both on one thread. ``--start`` goes on from an
exported network, without it the network begins with random weights. ``deid/pixels/_model/README.md`` says what the
shipped weights were trained with.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:] = [str(HERE.parent), *(place for place in sys.path if Path(place).resolve() != HERE)]

import cv2
import numpy as np

from bench.pixels_samples import BATCH, Array, fonts, sample, volume
from deid.pixels.textnet import channels


def worker(queue: Any, folders: list[Path], folder: str, start: int) -> None:
    """Make batches for ever; each sample is used in one of two directions."""
    cv2.setNumThreads(1)
    fonts(folder)
    volumes = [volume(place) for place in folders]
    pool: list[Array] = []
    number = start
    while True:
        batch = [sample(number + n, volumes, pool) for n in range(BATCH)]
        number += BATCH
        pictures, targets, weights = (np.stack(parts) for parts in zip(*batch, strict=True))
        seen = np.concatenate([channels(picture) for picture in pictures])
        queue.put((seen.astype(np.float32), targets[:, None], weights[:, None]))


def network(torch: Any) -> Any:
    """A U-shaped network from 1/2 to 1/16 of the resolution and back to 1/4; about 229,000 weights."""
    nn = torch.nn

    class Convolve(nn.Sequential):  # type: ignore[misc, name-defined]
        def __init__(self, given: int, width: int, kernel: int = 3, stride: int = 1, rate: int = 1) -> None:
            reach = (kernel - 1) * rate
            total = reach + 1 - stride  # "same" as of even sides: the odd pixel goes to the end
            pad = nn.ZeroPad2d((total // 2, total - total // 2, total // 2, total - total // 2))
            convolution = nn.Conv2d(given, width, kernel, stride, 0, rate, bias=False)
            super().__init__(pad, convolution, nn.BatchNorm2d(width, momentum=0.02, eps=1e-3), nn.ReLU())

    class Network(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.halved = nn.Sequential(Convolve(3, 16, 5, 2), Convolve(16, 16))
            self.quarter = nn.Sequential(Convolve(16, 32, 3, 2), Convolve(32, 32))
            self.eighth = nn.Sequential(Convolve(32, 48, 3, 2), Convolve(48, 48))
            deep = (
                Convolve(48, 64, 3, 2),
                Convolve(64, 64),
                Convolve(64, 64, rate=2),
                Convolve(64, 64, rate=4),
            )
            self.deep = nn.Sequential(*deep)
            self.back = nn.ModuleList(
                [
                    nn.Sequential(Convolve(64 + 48, 48, 1), Convolve(48, 48)),
                    nn.Sequential(Convolve(48 + 32, 32, 1), Convolve(32, 32)),
                ]
            )
            self.last = nn.Conv2d(32, 1, 1)

        def forward(self, x: Any) -> Any:
            quarter = self.quarter(self.halved(x))
            eighth = self.eighth(quarter)
            y = self.deep(eighth)
            for step, skipped in zip(self.back, (eighth, quarter), strict=True):
                y = step(torch.cat([nn.functional.interpolate(y, scale_factor=2), skipped], 1))
            return self.last(y)

    return Network()


def begin(torch: Any, model: Any, start: Path) -> None:
    """Take over the weights of an exported network, whose normalisation lies in its convolutions."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(start).graph
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    given = [[held[name] for name in node.input[1:3]] for node in graph.node if node.op_type == "Conv"]
    convolutions = [module for module in model.modules() if isinstance(module, torch.nn.Conv2d)]
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    with torch.no_grad():
        for module, (kernel, shift) in zip(convolutions, given, strict=True):
            module.weight.copy_(torch.tensor(kernel))
            if module.bias is not None:
                module.bias.copy_(torch.tensor(shift))
        for norm, (_, shift) in zip(norms, given, strict=False):
            norm.bias.copy_(torch.tensor(shift))
            norm.running_var.fill_(1 - norm.eps)


def settle(torch: Any, model: Any, batches: list[Any]) -> None:
    """Let the normalisation of a network that was taken over see real values, without changing what it gives."""
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    inputs = torch.cat([torch.tensor(batch[0]) for batch in batches])
    with torch.no_grad():
        for norm in norms:  # in the order in which values pass through them
            seen: list[Any] = []
            handle = norm.register_forward_hook(lambda _, given, __, seen=seen: seen.append(given[0]))
            model.eval()
            model(inputs)
            handle.remove()
            mean, variance = seen[0].mean((0, 2, 3)), seen[0].var((0, 2, 3), unbiased=False)
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)
            norm.weight.copy_(torch.sqrt(variance + norm.eps))
            norm.bias.add_(mean)


def train(torch: Any, chosen: argparse.Namespace) -> Any:
    """Weighted cross-entropy that dwells on what is wrong, plus Dice; the step shrinks along a cosine."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    context = multiprocessing.get_context("spawn")
    queue: Any = context.Queue(12)
    context.Process(
        target=worker, args=(queue, chosen.slices, chosen.fonts, chosen.first), daemon=True
    ).start()
    model = network(torch)
    recent: list[Any] = [queue.get() for _ in range(6)]
    if chosen.start:
        begin(torch, model, chosen.start)
        settle(torch, model, recent)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), chosen.rate, weight_decay=1e-4)
    rng, started, number, losses = np.random.default_rng(0), time.monotonic(), 0, []
    while (part := (time.monotonic() - started) / 60 / chosen.minutes) < 1:
        if not queue.empty():
            recent = [*recent, queue.get()][-150:]
            batch = recent[-1]
        else:  # a recent batch again, rather than waiting for a fresh one
            batch = recent[int(rng.integers(len(recent)))]
        x, target, weight = (torch.tensor(values) for values in batch)
        for group in optimizer.param_groups:
            group["lr"] = (
                chosen.rate * min(1, (number + 1) / 100) * (0.49 * (1 + np.cos(np.pi * part)) + 0.02)
            )
        logits = model(x)
        found = torch.sigmoid(logits)
        entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
        entropy = entropy * (0.25 + torch.abs(found - target))
        overlap = 2 * (found * target * weight).sum() + 1
        dice = 1 - overlap / (((found + target) * weight).sum() + 1)
        loss = 4 * (entropy * weight * (1 + 2 * target)).mean() + 0.5 * dice
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        number += 1
        losses.append(float(loss.detach()))
        if number % 50 == 0:
            print(number, round(float(np.mean(losses[-50:])), 4), f"{part:.2f}", flush=True)
        if number % 300 == 0:
            export(torch, model, chosen.out)
            model.train()
    return model


def export(torch: Any, model: Any, out: Path) -> None:
    """The model as ONNX, normalisation folded into the convolutions, channels first."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(values: Array, name: str) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name))
        return name

    def add(kind: str, inputs: list[str], **options: Any) -> str:
        name = f"t{len(nodes)}"
        nodes.append(helper.make_node(kind, inputs, [name], **options))
        return name

    def convolution(name: str, layer: Any, kernel: Array, shift: Array, pads: list[int]) -> str:
        number = len(nodes)
        weights = [constant(kernel, f"w{number}"), constant(shift, f"b{number}")]
        options = {"strides": list(layer.stride), "dilations": list(layer.dilation), "pads": pads}
        return add("Conv", [name, *weights], **options)

    def convolve(name: str, layers: Any) -> str:
        pad, layer, norm, _ = layers
        scale = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach()
        kernel = (layer.weight * scale[:, None, None, None]).detach().numpy()
        shift = (norm.bias - norm.running_mean * scale).detach().numpy()
        left, right, top, bottom = pad.padding
        return add("Relu", [convolution(name, layer, kernel, shift, [top, left, bottom, right])])

    def chain(name: str, layers: Any) -> str:
        for layer in layers:
            name = convolve(name, layer)
        return name

    quarter = chain(chain("x", model.halved), model.quarter)
    eighth = chain(quarter, model.eighth)
    name = chain(eighth, model.deep)
    for step, skipped in zip(model.back, (eighth, quarter), strict=True):
        scales = constant(np.array([1, 1, 2, 2]), f"s{len(nodes)}")
        modes = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        grown = add("Resize", [name, "", scales], **modes)
        name = chain(add("Concat", [grown, skipped], axis=1), step)
    last = [values.detach().numpy() for values in (model.last.weight, model.last.bias)]
    name = convolution(name, model.last, *last, [0, 0, 0, 0])
    nodes.append(helper.make_node("Sigmoid", [name], ["p"]))
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, "h", "w"])
    result = helper.make_tensor_value_info("p", TensorProto.FLOAT, [1, 1, None, None])
    graph = helper.make_graph(nodes, "text", [given], [result], constants)
    whole = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(whole)
    onnx.save(whole, out)


def main() -> None:
    """Train and export."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=2e-3, help="largest learning rate")
    parser.add_argument(
        "--slices", type=Path, action="append", default=[], help="folder of a CT or MR series"
    )
    parser.add_argument("--fonts", default="", help="folder of more fonts (.ttf, .otf, .pcf.gz)")
    parser.add_argument("--start", type=Path, help="exported network to go on from")
    parser.add_argument("--first", type=int, default=0, help="number of the first sample")
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    model = train(torch, chosen)
    model.eval()
    export(torch, model, chosen.out)


if __name__ == "__main__":
    main()
