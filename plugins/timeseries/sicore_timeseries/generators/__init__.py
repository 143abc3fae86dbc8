"""Generators that are no interpolants: neural SDEs, a Koopman VAE."""
