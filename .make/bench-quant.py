"""Quantizes one network with onnxruntime.quantization: MODEL SAMPLES OUT METHOD FORM.

FORM is tensorrt (symmetric int8 everywhere, float biases: what TensorRT reads) or cpu (the package's own choice for a
CPU: uint8 activations with an offset). Weights are int8 by channel in both.
"""

import pathlib
import sys
import tempfile

import numpy as np
from onnxruntime import quantization as q
from onnxruntime.quantization.shape_inference import quant_pre_process


class Samples(q.CalibrationDataReader):
    def __init__(self, folder):
        self.files = iter(sorted(pathlib.Path(folder).glob("*.npz")))

    def get_next(self):
        file = next(self.files, None)
        return None if file is None else dict(np.load(file))


def main(model, samples, out, method, form):
    with tempfile.TemporaryDirectory() as folder:
        ready = str(pathlib.Path(folder) / "ready.onnx")
        quant_pre_process(model, ready, skip_symbolic_shape=True)
        tensorrt = {
            "ActivationSymmetric": True, "WeightSymmetric": True, "AddQDQPairToWeight": True, "QuantizeBias": False,
            "OpTypesToExcludeOutputQuantization": ["Conv", "Gemm", "MatMul", "Relu", "Clip", "Add"],
        }
        q.quantize_static(
            ready, out, Samples(samples), quant_format=q.QuantFormat.QDQ, per_channel=True,
            activation_type=q.QuantType.QInt8 if form == "tensorrt" else q.QuantType.QUInt8,
            weight_type=q.QuantType.QInt8, calibrate_method=getattr(q.CalibrationMethod, method),
            op_types_to_quantize=["Conv", "Gemm", "MatMul", "Add", "AveragePool", "GlobalAveragePool"] if form == "tensorrt" else None,
            extra_options=tensorrt if form == "tensorrt" else None,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
