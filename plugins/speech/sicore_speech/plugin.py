"""What this plugin offers, as names and import paths: nothing is imported before its use."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from sicore.plugins import hookimpl

if TYPE_CHECKING:
    from sicore.plugins import Registrar

SICORE_API = 1

METRICS = (
    ("pesq", "pesq", "PESQ, wide band: quality, −0.5 to 4.64"),
    ("estoi", "intelligibility", "ESTOI: intelligibility, 0 to 1"),
    ("si-sdr", "ratios", "SI-SDR in dB, and the SI-SIR and SI-SAR that it is made of"),
    ("composite", "composite", "CSIG, CBAK and COVL, with LLR, WSS and segmental SNR"),
    ("dnsmos", "dnsmos", "DNSMOS, which needs no clean recording: marks from 1 to 5"),
)


@hookimpl
def sicore_register(registry: Registrar) -> None:
    """Register the domain, its data sets, its network, its loss, its metrics and its presets."""
    registry.add(
        "domain", "speech", "sicore_speech.domain:Speech", summary="Recordings of speech, 16 kHz"
    )
    registry.add(
        "dataset",
        "speech/mixtures",
        "sicore_speech.data.mixtures:Mixtures",
        summary="Speech with noise, music and babble, mixed as it is asked for",
    )
    registry.add(
        "dataset",
        "speech/folder",
        "sicore_speech.data.folder:SpeechFolder",
        summary="Your own recordings: data.folder=PATH with clean and noise, or clean and noisy",
    )
    registry.add(
        "dataset",
        "speech/librispeech",
        "sicore_speech.data.librispeech:LibriSpeech",
        summary="Readings of audiobooks, mixed with noise as it is asked for",
    )
    registry.add(
        "dataset",
        "speech/voicebank-demand",
        "sicore_speech.data.voicebank:VoiceBankDemand",
        summary="VoiceBank–DEMAND: pairs of clean and noisy recordings, the usual splits",
    )
    registry.add(
        "backbone",
        "speech/unet",
        "sicore_speech.backbones.unet:DualPathUNet",
        summary="U-Net on spectrograms, recurrent over frequency and time",
    )
    registry.add(
        "backbone",
        "speech/ncsnpp",
        "sicore_speech.backbones.ncsnpp:NCSNpp",
        summary="NCSN++ in a small size: convolutions, FIR filters, attention at the lowest level",
    )
    registry.add(
        "regulariser",
        "speech/spectral",
        "sicore_speech.spectral_loss:SpectralLoss",
        summary="Differences of magnitudes and of waveforms",
    )
    for name, attribute, summary in METRICS:
        target = f"sicore_speech.metrics.table:{attribute}"
        registry.add("metric", f"speech/{name}", target, summary=summary)
    registry.add(
        "regulariser",
        "speech/loudness",
        "sicore_speech.loudness_loss:LoudnessLoss",
        summary="Differences of loudness, as ears have it (after ITU-T P.862)",
    )
    registry.add(
        "model",
        "speech/enhance",
        "sicore_speech:models/enhance",
        summary="Noise off recordings of speech, 16 kHz, 2.3 M parameters",
    )
    registry.add(
        "model",
        "speech/dereverb",
        "sicore_speech:models/dereverb",
        summary="The room off recordings of speech, 16 kHz, 2.3 M parameters",
    )
    registry.add(
        "preset",
        "speech/enhance",
        "sicore_speech:presets/enhance.yaml",
        summary="Noisy recordings to clean ones by a Schrödinger bridge, 2.3 M parameters",
    )
    registry.add(
        "preset",
        "speech/storm",
        "sicore_speech:presets/storm.yaml",
        summary="A predictor, and a path that repairs what it made: StoRM",
    )
    registry.add(
        "preset",
        "speech/linear",
        "sicore_speech:presets/linear.yaml",
        summary="Straight lines from noisy recordings to clean ones: flow matching",
    )
    registry.add(
        "preset",
        "speech/conditional-ot",
        "sicore_speech:presets/conditional-ot.yaml",
        summary="Flow matching from a Gaussian around the noisy recording, as FlowSE",
    )
    registry.add(
        "preset",
        "speech/sgmse",
        "sicore_speech:presets/sgmse.yaml",
        summary="SGMSE+: a reverse diffusion that starts around the noisy recording",
    )
    registry.add(
        "preset",
        "speech/dereverb",
        "sicore_speech:presets/dereverb.yaml",
        summary="Recordings in rooms to the voice alone, a bridge",
    )
    registry.add(
        "preset",
        "speech/folder",
        "sicore_speech:presets/folder.yaml",
        summary="The same, from your own folders of recordings",
    )


@hookimpl
def sicore_doctor() -> list[tuple[str, bool, str]]:
    """Whether sound files, G.722 and the metrics work, and whether the recordings are here."""
    from sicore_speech.data.places import find_recordings

    def installed(module: str) -> bool:
        return importlib.util.find_spec(module) is not None

    return [
        ("soundfile", installed("soundfile"), "pip install soundfile"),
        ("PyAV", installed("av"), "optional, to prepare data: pip install 'sicore-speech[data]'"),
        (
            "torchaudio",
            installed("torchaudio"),
            "optional, for LibriSpeech: pip install --no-deps torchaudio",
        ),
        (
            "PESQ and ESTOI",
            installed("pesq") and installed("pystoi"),
            "optional, for evaluation: pip install 'sicore-speech[metrics]'",
        ),
        (
            "DNSMOS",
            all(installed(name) for name in ("speechmos", "librosa", "onnxruntime")),
            "optional, for evaluation: pip install 'sicore-speech[dnsmos]'",
        ),
        (
            "speech recordings",
            find_recordings() is not None,
            "optional, for training and evaluation: sicore data fetch speech/mixtures",
        ),
    ]
