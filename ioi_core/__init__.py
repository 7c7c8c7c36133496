"""The science of IOI Explorer: models, prompts, exact forward passes and analyses. Knows no browser and no disk cache."""
