"""What whoever hosts the app needs: settings, models, logs, metrics, warming up."""
