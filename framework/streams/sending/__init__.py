"""Records on their way out: Faust's topics and producer."""
