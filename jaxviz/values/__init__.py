"""Values: errors, deferred calls, quantities, frozen arrays and index ranges, which every room uses."""
