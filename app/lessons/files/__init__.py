"""From a file to a lesson: YAML with its lines, fields, and the lessons there are."""
