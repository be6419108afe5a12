"""Word vectors: training at native speed, the vectors themselves, their file formats and their evaluation. No torch."""
