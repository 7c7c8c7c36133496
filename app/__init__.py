"""The dashboard: entry point, controls, charts, exports. With pages/ the only place that knows the browser."""
