"""What each part of the model adds to the answer: predictions, logit lens, direct logit attribution."""
