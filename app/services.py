"""The objects that all visitors of this process share: settings, models, computations."""

import os

import plotly.graph_objects  # noqa: F401  # loaded before memory is settled
import streamlit as st

from app.models import ResidentModels
from app.settings import Settings
from cache.computations import Computations
from cache.store import MemoryStore


@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """What the environment sets."""
    return Settings.from_environment(os.environ)


@st.cache_resource(show_spinner="Loading the bundled model ...")
def models() -> ResidentModels:
    """The loaded models."""
    return ResidentModels()


@st.cache_resource(show_spinner=False)
def computations() -> Computations:
    """Every computation of this process."""
    limits = settings()
    return Computations(MemoryStore(limits.result_megabytes * 2**20), max_queued=limits.max_queued)
