"""compose.yaml's profile `cluster` on one machine, visited in Chromium (`make cluster-test`)."""
