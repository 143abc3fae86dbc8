"""The core's own parts, registered through the hook that every plugin uses."""

from __future__ import annotations

from sicore.plugins.hookspecs import hookimpl
from sicore.plugins.registry import Registrar

PARTS: dict[str, dict[str, tuple[str, str]]] = {
    "interpolant": {
        "linear": ("sicore.interpolants:Linear", "straight lines from Gaussian noise"),
        "linear-two-sided": (
            "sicore.interpolants:TwoSidedLinear",
            "straight lines between any two laws, with noise between",
        ),
        "trigonometric": ("sicore.interpolants:Trigonometric", "quarter circles from noise"),
        "trigonometric-two-sided": (
            "sicore.interpolants:TwoSidedTrigonometric",
            "quarter circles between any two laws, with noise between",
        ),
        "encoding-decoding": (
            "sicore.interpolants:EncodingDecoding",
            "between any two laws through a Gaussian in the middle",
        ),
        "mirror": ("sicore.interpolants:Mirror", "from the data back to the data, with noise"),
        "vp": ("sicore.interpolants:VP", "variance-preserving diffusion, linear schedule"),
        "vp-cosine": ("sicore.interpolants:VPCosine", "variance-preserving, cosine schedule"),
        "vp-sigmoid": ("sicore.interpolants:VPSigmoid", "variance-preserving, sigmoid schedule"),
        "sub-vp": ("sicore.interpolants:SubVP", "less noise than variance-preserving diffusion"),
        "ve": ("sicore.interpolants:VE", "variance-exploding diffusion"),
        "edm": ("sicore.interpolants:EDM", "data plus growing noise, as in EDM"),
        "pfgmpp": ("sicore.interpolants:PFGMPP", "data plus growing heavy-tailed noise: PFGM++"),
        "ouve": ("sicore.interpolants:OUVE", "from a noisy recording to the clean one: SGMSE+"),
        "sb-ve": ("sicore.interpolants:SBVE", "Schrödinger bridge from a known observation"),
        "brownian-bridge": (
            "sicore.interpolants:brownian_bridge",
            "Brownian bridge from a known observation",
        ),
        "kinetic-optimal": (
            "sicore.interpolants:KineticOptimal",
            "least kinetic energy, measured on the data",
        ),
        "fourier": ("sicore.interpolants:Fourier", "between any two laws, with free coefficients"),
        "product": ("sicore.interpolants:Product", "a path of its own for each leaf of a tree"),
        "perturbed": ("sicore.interpolants:Perturbed", "a path to blurred data, for thin sets"),
    },
    "gamma": {
        "none": ("sicore.interpolants:NoGamma", "no noise: rectified flow"),
        "brownian": ("sicore.interpolants:BrownianGamma", "the Brownian bridge's deviation"),
        "quadratic": ("sicore.interpolants:QuadraticGamma", "t (1 - t)"),
        "sine-squared": ("sicore.interpolants:SineSquaredGamma", "sin² πt"),
    },
    "kind": {
        "velocity": ("sicore.predictions:VELOCITY", "the path's mean velocity"),
        "score": ("sicore.predictions:SCORE", "the gradient of the log-density"),
        "noise": ("sicore.predictions:NOISE", "the mean of the noise"),
        "data": ("sicore.predictions:DATA", "the mean of the data: a denoiser"),
        "v": ("sicore.predictions:V", "the v of progressive distillation"),
        "velocity-noise": ("sicore.predictions:PAIR", "velocity and noise, for two-sided paths"),
    },
    "time_law": {
        "uniform": ("sicore.objectives:Uniform", "uniform over [0, 1]"),
        "logit-normal": ("sicore.objectives:LogitNormal", "more often in the middle"),
        "edm-log-normal": ("sicore.objectives:EDMLogNormal", "log-normal noise levels, as in EDM"),
        "low-discrepancy": ("sicore.objectives:LowDiscrepancy", "another law, spread evenly"),
        "learned-importance": (
            "sicore.objectives:LearnedImportance",
            "where the losses are large, learned while training",
        ),
    },
    "weight": {
        "uniform": ("sicore.objectives:UniformWeight", "the same at every time"),
        "edm": ("sicore.objectives:EDMWeight", "unit loss scale at every noise level"),
        "snr": ("sicore.objectives:SNRWeight", "by signal-to-noise ratio"),
        "min-snr": ("sicore.objectives:MinSNRWeight", "by signal-to-noise ratio, up to a bound"),
        "likelihood": ("sicore.objectives:LikelihoodWeight", "a bound on the likelihood"),
    },
    "coupling": {
        "independent": ("sicore.objectives:Independent", "source and data drawn independently"),
        "paired": ("sicore.objectives:Paired", "the dataset gives the source state, too"),
        "exact-ot": ("sicore.objectives:ExactOT", "the cheapest assignment within each batch"),
        "sinkhorn-ot": (
            "sicore.objectives:SinkhornOT",
            "partners drawn from the entropic plan of each batch",
        ),
        "data-dependent": (
            "sicore.objectives:DataDependent",
            "the source state is a corrupted version of the data",
        ),
        "reflow": ("sicore.objectives:Reflow", "the ends of a trained model's trajectories"),
    },
    "regulariser": {
        "fokker-planck": (
            "sicore.objectives:FokkerPlanckRegulariser",
            "the residual of the equation that ties the score to the velocity",
        ),
    },
    "source": {
        "normal": ("sicore.hub.sources:Normal", "standard normal source states"),
        "dataset": ("sicore.hub.sources:FromDataset", "source states from another dataset"),
        "file": ("sicore.hub.sources:FromFile", "source states from a file of tensors"),
    },
    "dataset": {
        "pairs": ("sicore.hub.pairs:Pairs", "what `sicore reflow` writes: noise and its samples"),
    },
    "preconditioning": {
        "none": ("sicore.predictions:NoPreconditioning", "the network as it is"),
        "edm": ("sicore.predictions:EDMPreconditioning", "EDM's scaling of input and output"),
    },
    "solver": {
        "euler": ("sicore.solvers:Euler", "ODE, order 1, 1 call a step"),
        "heun": ("sicore.solvers:Heun", "ODE, order 2, 2 calls a step"),
        "midpoint": ("sicore.solvers:Midpoint", "ODE, order 2, 2 calls a step"),
        "ralston": ("sicore.solvers:Ralston", "ODE, order 2, 2 calls a step"),
        "heun3": ("sicore.solvers:Heun3", "ODE, order 3, 3 calls a step"),
        "rk4": ("sicore.solvers:RK4", "ODE, order 4, 4 calls a step"),
        "rk5": ("sicore.solvers:RK5", "ODE, order 5, 6 calls a step"),
        "dopri5": (
            "sicore.solvers:DormandPrince",
            "ODE, order 5, steps by the error of each sample, 6 calls a step",
        ),
        "ab2": ("sicore.solvers.family:ab2", "ODE, Adams–Bashforth, order 2, 1 call a step"),
        "ab3": ("sicore.solvers.family:ab3", "ODE, Adams–Bashforth, order 3, 1 call a step"),
        "ab4": ("sicore.solvers.family:ab4", "ODE, Adams–Bashforth, order 4, 1 call a step"),
        "ddim": ("sicore.solvers:DDIM", "ODE, exponential, order 1, 1 call a step; DDPM with eta"),
        "exponential": (
            "sicore.solvers.family:exponential",
            "ODE, any single-step exponential method of order 2 or 3",
        ),
        "multistep": (
            "sicore.solvers.family:multistep",
            "ODE or SDE, any multistep exponential method, 1 call a step",
        ),
        "dpmpp-2m": ("sicore.solvers.family:dpmpp_2m", "ODE, DPM-Solver++, order 2, 1 call a step"),
        "dpmpp-3m": ("sicore.solvers.family:dpmpp_3m", "ODE, DPM-Solver++, order 3, 1 call a step"),
        "deis-2": ("sicore.solvers.family:deis_2", "ODE, DEIS, order 2, 1 call a step"),
        "deis-3": ("sicore.solvers.family:deis_3", "ODE, DEIS, order 3, 1 call a step"),
        "v-adams-2": (
            "sicore.solvers.family:v_adams_2",
            "ODE, exponential, order 3, 1 call a step; for few calls",
        ),
        "v-adams-3": (
            "sicore.solvers.family:v_adams_3",
            "ODE, exponential, order 4, 1 call a step; for some more",
        ),
        "unipc-2": ("sicore.solvers.family:unipc_2", "ODE, UniPC, order 3, 1 call a step"),
        "unipc-3": ("sicore.solvers.family:unipc_3", "ODE, UniPC, order 4, 1 call a step"),
        "reversible-heun": (
            "sicore.solvers:ReversibleHeun",
            "ODE, order 2, 1 call a step, can be undone: gradients in constant memory",
        ),
        "euler-maruyama": ("sicore.solvers:EulerMaruyama", "SDE, weak order 1, 1 call a step"),
        "milstein": (
            "sicore.solvers:Milstein",
            "SDE, weak order 1, 1 call a step; for noise that depends on the state",
        ),
        "stochastic-heun": ("sicore.solvers:StochasticHeun", "SDE, weak order 2, 2 calls a step"),
        "reversible-heun-sde": (
            "sicore.solvers.family:reversible_heun_sde",
            "SDE, weak order 2, strong order 1, 1 call a step, can be undone",
        ),
        "srk": ("sicore.solvers:SRK15", "SDE, weak order 2, strong order 1.5, 2 calls a step"),
        "exponential-sde": (
            "sicore.solvers.family:exponential_sde",
            "SDE, exponential, weak order 1, 1 call a step",
        ),
        "sde-dpmpp-2m": (
            "sicore.solvers.family:sde_dpmpp_2m",
            "SDE, exponential, weak order 2, 1 call a step",
        ),
        "edm-churn": (
            "sicore.solvers:EDMChurn",
            "ODE with its own noise, EDM's stochastic sampler, order 2, 2 calls a step",
        ),
        "s4": (
            "sicore.solvers.splitting:s4",
            "ODE with its own noise, Langevin move and splitting, weak order 1, 1 call a step",
        ),
        "predictor-corrector": (
            "sicore.solvers.predictor_corrector:predictor_corrector",
            "ODE or SDE, Langevin moves before each step of another solver, 1 call more for each",
        ),
    },
    "grid": {
        "uniform": ("sicore.solvers:UniformGrid", "equal time steps"),
        "noise-level": ("sicore.solvers:NoiseLevelGrid", "spaced by noise level, as in EDM"),
        "log-snr": ("sicore.solvers:LogSNRGrid", "equal steps in the logarithm of the noise level"),
        "angle": ("sicore.solvers:angle_grid", "equal steps in the angle between noise and data"),
        "cosine": ("sicore.solvers:cosine_grid", "the angle grid for data of unit variance"),
        "ratio": ("sicore.solvers:ratio_grid", "equal steps in the share of the data"),
    },
    "operator": {
        "inpaint": ("sicore.inverse:Inpaint", "part of the state is seen"),
        "blur": ("sicore.inverse:Blur", "Gaussian blur"),
        "superres": ("sicore.inverse:Downsample", "block averages"),
        "greyscale": ("sicore.inverse:Greyscale", "the mean of the channels: restoring colours"),
    },
    "method": {
        "pigdm": ("sicore.inverse:PiGDM", "pseudoinverse guidance"),
        "mmps": ("sicore.inverse:MMPS", "moment matching with the true covariance"),
        "replacement": (
            "sicore.inverse:Replacement",
            "overwrite what was measured after every step; no gradients",
        ),
    },
    "backbone": {
        "mlp": ("sicore.backbones:MLP", "a small perceptron for states of few numbers"),
    },
    "command": {
        "plugins": ("sicore.cli.plugins:command", "List the plugins and what they bring."),
        "doctor": ("sicore.cli.doctor:command", "Check this installation."),
        "models": ("sicore.cli.models:command", "List the trained models that are installed."),
        "data": ("sicore.cli.data:command", "List and fetch datasets."),
        "config": ("sicore.cli.config:command", "Show and check configurations."),
        "train": ("sicore.cli.train:command", "Train a model from a preset."),
        "sample": ("sicore.cli.sample:command", "Draw samples from a trained model."),
        "moments": ("sicore.cli.moments:command", "Fit Gaussians to a model's data."),
        "tune-grid": ("sicore.cli.tune_grid:command", "Make a time grid for a model's few steps."),
        "evaluate": ("sicore.cli.evaluate:command", "Measure a trained model."),
        "reflow": ("sicore.cli.reflow:command", "Draw pairs that straighten a model's paths."),
        "translate": (
            "sicore.cli.translate:command",
            "Translate data of one model into another's.",
        ),
        "new-plugin": ("sicore.cli.new_plugin:command", "Write the skeleton of a new plugin."),
    },
}


@hookimpl
def sicore_register(registry: Registrar) -> None:
    """Register the core's parts."""
    for group, parts in PARTS.items():
        for name, (target, summary) in parts.items():
            registry.add(group, name, target, summary)
