"""What to show to one customer: models over products, their blend, and how good they are on weeks not seen."""
