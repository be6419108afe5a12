"""Code shared by all file formats of vastmax: checksums, the safetensors container, JSON records with a checksum."""
