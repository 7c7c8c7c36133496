"""Attribution: predictions, logit lens, direct logit attribution."""
