"""What files of vastmax have in common: checksums, the safetensors container, sealed records in JSON."""
