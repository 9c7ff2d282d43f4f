"""What this customer sees now: gates, scores, arbitration, exploration, and a record that can be replayed."""
