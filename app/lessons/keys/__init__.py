"""What is right: numbers of this model, and the rules that read the key off them."""
