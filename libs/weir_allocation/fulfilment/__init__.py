"""Which units an order is filled with: the best plan for its lines, and the plan anew once something has moved."""
