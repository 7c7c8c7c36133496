"""Backup heads: who steps in when heads fall silent."""
