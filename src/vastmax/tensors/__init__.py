"""Properties of tensors: memory that a kernel can read, row-sparse gradients, dtypes, derivatives, constants."""
