"""vastmax inside other libraries' trainers; each module imports its framework, and nothing here does so before."""
