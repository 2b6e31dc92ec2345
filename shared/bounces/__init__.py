"""What mail that comes back says about mail that was sent."""
