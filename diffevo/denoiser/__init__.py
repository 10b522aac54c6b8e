"""The learned half: networks, the diffusion process that trains and samples them, the fit."""
