"""Hosting: settings, models, logs, metrics, warming up."""
