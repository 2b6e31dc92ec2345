"""What is measured, one module each. A measurement that cannot be made raises; it never answers a made-up number."""
