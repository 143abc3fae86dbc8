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
        "conditional-ot": (
            "sicore.interpolants:ConditionalOT",
            "straight lines from a Gaussian around a known observation",
        ),
        "brownian-bridge": (
            "sicore.interpolants:brownian_bridge",
            "Brownian bridge from a known observation",
        ),
        "foellmer": (
            "sicore.interpolants:Foellmer",
            "from a known present to a future with a law, by a Föllmer process",
        ),
        "categorical": (
            "sicore.interpolants:Categorical",
            "one-hot states whose entries change one by one, from random kinds",
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
        "categorical": (
            "sicore.predictions:CATEGORICAL",
            "the law of each one-hot entry of the data",
        ),
        "velocity-noise": ("sicore.predictions:PAIR", "velocity and noise, for two-sided paths"),
    },
    "time_law": {
        "uniform": ("sicore.objectives:Uniform", "uniform over [0, 1], or between two times"),
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
        "start-error": (
            "sicore.objectives:StartError",
            "the error of where the path starts: of a regeneration's predictor",
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
        "softmax": ("sicore.predictions:Softmax", "a law over kinds, for one-hot states"),
    },
    "solver": {
        "euler": ("sicore.solvers:Euler", "the plainest step; a baseline, and for straight paths"),
        "heun": ("sicore.solvers:Heun", "trapezoidal rule; 20 calls and more, the presets' choice"),
        "midpoint": (
            "sicore.solvers:Midpoint",
            "looks at the middle of a step; lands without DDIM",
        ),
        "ralston": (
            "sicore.solvers:Ralston",
            "like Heun's, with a smaller error bound; lands without DDIM",
        ),
        "heun3": (
            "sicore.solvers:Heun3",
            "third order that lands without DDIM; smooth fields, 20 calls and more",
        ),
        "rk4": (
            "sicore.solvers:RK4",
            "the classical fourth order; references, likelihoods, 50 calls and more",
        ),
        "rk5": ("sicore.solvers:RK5", "Dormand and Prince on a given grid; references"),
        "dopri5": (
            "sicore.solvers:DormandPrince",
            "chooses its steps by the error of each sample: a tolerance in place of a grid",
        ),
        "ab2": (
            "sicore.solvers.family:ab2",
            "Adams–Bashforth on the velocity; flow models, few calls",
        ),
        "ab3": (
            "sicore.solvers.family:ab3",
            "Adams–Bashforth on the velocity; flow models, 10 calls and more",
        ),
        "ab4": (
            "sicore.solvers.family:ab4",
            "Adams–Bashforth on the velocity; flow models, 50 calls and more",
        ),
        "ddim": (
            "sicore.solvers:DDIM",
            "keeps the expectations: exact for one point; the last step of others; DDPM with eta",
        ),
        "exponential": (
            "sicore.solvers.family:exponential",
            "any single-step member of the exponential family, by what is held and the clock",
        ),
        "multistep": (
            "sicore.solvers.family:multistep",
            "any multistep member of the exponential family, by what is held and the clock",
        ),
        "dpmpp-2m": (
            "sicore.solvers.family:dpmpp_2m",
            "DPM-Solver++: the data in log-SNR; as papers use it, on the grid log-snr",
        ),
        "dpmpp-3m": (
            "sicore.solvers.family:dpmpp_3m",
            "DPM-Solver++: the data in log-SNR; 20 calls and more",
        ),
        "deis-2": ("sicore.solvers.family:deis_2", "DEIS: the noise in time; VP diffusion"),
        "deis-3": (
            "sicore.solvers.family:deis_3",
            "DEIS: the noise in time; VP diffusion, 20 calls and more",
        ),
        "v-adams-2": (
            "sicore.solvers.family:v_adams_2",
            "the v-prediction in the angle, corrected; best with 5 to 20 calls, on a tuned grid",
        ),
        "v-adams-3": (
            "sicore.solvers.family:v_adams_3",
            "the same by one value more; 20 calls and more",
        ),
        "unipc-2": (
            "sicore.solvers.family:unipc_2",
            "UniPC: the data in log-SNR, corrected; as papers use it",
        ),
        "unipc-3": (
            "sicore.solvers.family:unipc_3",
            "UniPC: the data in log-SNR, corrected; 20 calls and more",
        ),
        "reversible-heun": (
            "sicore.solvers:ReversibleHeun",
            "can be undone exactly: gradients in constant memory",
        ),
        "categorical-leap": (
            "sicore.solvers:CategoricalLeap",
            "draws the kinds of a categorical path, and with eta again and again",
        ),
        "euler-maruyama": (
            "sicore.solvers:EulerMaruyama",
            "the plainest SDE step; a baseline, many steps",
        ),
        "milstein": ("sicore.solvers:Milstein", "for noise that depends on the state"),
        "stochastic-heun": (
            "sicore.solvers:StochasticHeun",
            "second order with one increment; SDEs with 20 calls and more",
        ),
        "reversible-heun-sde": (
            "sicore.solvers.family:reversible_heun_sde",
            "can be undone exactly: gradients of neural SDEs in constant memory",
        ),
        "srk": (
            "sicore.solvers:SRK15",
            "strong order 1.5 for additive noise: single trajectories, few steps",
        ),
        "exponential-sde": (
            "sicore.solvers.family:exponential_sde",
            "keeps the data and renews the noise exactly, for any ε",
        ),
        "sde-dpmpp-2m": (
            "sicore.solvers.family:sde_dpmpp_2m",
            "SDE-DPM-Solver++ for any ε; the best SDE with few calls",
        ),
        "edm-churn": (
            "sicore.solvers:EDMChurn",
            "EDM's stochastic sampler: raises the noise before each step",
        ),
        "s4": (
            "sicore.solvers.splitting:s4",
            "GDSS's splitting for graphs: Langevin move and drift from one call",
        ),
        "predictor-corrector": (
            "sicore.solvers.predictor_corrector:predictor_corrector",
            "Langevin moves before each step of another solver, one call more for each",
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
        "identity": (
            "sicore.backbones:Identity",
            "the state itself: a predictor that does nothing",
        ),
        "regeneration": (
            "sicore.backbones:Regeneration",
            "a predictor, and a network that repairs what it made: StoRM",
        ),
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
