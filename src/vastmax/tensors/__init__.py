"""What tensors are before they are numbers: memory a kernel can read, tables that outlive a move, derivatives."""
